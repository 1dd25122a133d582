"""The client before a service that asks who calls."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from service.identity.school import ELSEWHERE, School, open_school

from knowtrace.client import AsyncClient, Event, ForbiddenError, UnauthorizedError


def client_of(school: School, key: str | None) -> AsyncClient:
    transport = httpx.ASGITransport(school.app, client=ELSEWHERE)
    return AsyncClient("http://school.test", api_key=key, transport=transport)


async def test_a_key_opens_what_it_may_and_nothing_else(tiny_run: Path, tmp_path: Path) -> None:
    async with open_school(tiny_run, f"sqlite+aiosqlite:///{tmp_path / 'school.db'}") as school:
        event = Event(
            student_id="anna", item_id="i", correct=True, answered_at=datetime(2026, 3, 1, tzinfo=UTC)
        )
        async with client_of(school, school.keys["north", "student"]) as anna:
            assert (await anna.send_event(event)).status == "accepted"
            assert (await anna.mastery("anna")).num_answers == 1
            with pytest.raises(ForbiddenError, match="This credential may not do this"):
                await anna.mastery("ben")
        for key in (None, "kt_nobody"):
            async with client_of(school, key) as stranger:
                with pytest.raises(UnauthorizedError):
                    await stranger.mastery("anna")
