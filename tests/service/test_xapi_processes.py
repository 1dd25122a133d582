"""Two processes on one database: what voids an answer holds, whoever is a moment behind."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from store.conftest import empty

from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.service.xapi import service
from knowtrace.settings import Settings
from tests.service.test_xapi import answers_of, number_id, send, voiding

Body = dict[str, Any]
Step = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, tiny_run: Path) -> Settings:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    return Settings(database_url=url, run=tiny_run)


@pytest.fixture
async def processes(settings: Settings) -> AsyncIterator[list[tuple[Classroom, httpx.AsyncClient]]]:
    async with AsyncExitStack() as opened:
        async with empty(settings.database_url):
            pass
        found: list[tuple[Classroom, httpx.AsyncClient]] = []
        for _ in range(2):
            app = create_app(settings)
            await opened.enter_async_context(app.router.lifespan_context(app))
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
            found.append((app.state.classroom, await opened.enter_async_context(client)))
        yield found


def statement(classroom: Classroom, number: int) -> Body:
    items = classroom.tracer.vocabulary.items
    return {
        "id": number_id(number),
        "actor": {"account": {"homePage": "https://school.example", "name": "anna"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": f"https://school.example/{items[number].item_id}"},
        "result": {"success": True},
        "timestamp": f"2026-03-01T10:{number:02d}:00Z",
    }


@pytest.mark.parametrize(
    "moment", ["before it is stored", "when it is stored", "when voidings were looked for"]
)
async def test_a_voiding_that_another_process_takes_meanwhile_holds(
    processes: list[tuple[Classroom, httpx.AsyncClient]], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has taken the answer's id and is a moment behind; the second is told of its voiding, and says 200."""
    (room, client), (_, elsewhere) = processes

    def behind(step: Step, *, is_before: bool) -> Step:
        is_voided = False

        async def void() -> None:
            nonlocal is_voided
            if not is_voided:  # the second process takes the same steps
                is_voided = True
                assert (await send(elsewhere, voiding(9, 1))).status_code == 200

        async def held(*what: Any) -> Any:
            if is_before:
                await void()
            done = await step(*what)
            await void()
            return done

        return held

    if moment == "when voidings were looked for":
        monkeypatch.setattr(service, "_voided", behind(service._voided, is_before=False))
    else:
        is_before = moment == "before it is stored"
        monkeypatch.setattr(room.intake, "submit", behind(room.intake.submit, is_before=is_before))
    assert (await send(client, statement(room, 1), statement(room, 2))).status_code == 200
    assert [found["event_id"] for found in await answers_of(elsewhere)] == [number_id(2)]


async def test_a_voiding_holds_although_its_answer_stood_beside_a_refused_one(
    processes: list[tuple[Classroom, httpx.AsyncClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other answer's id was taken by an event of another body after it was looked up."""
    (room, client), (_, elsewhere) = processes
    submit = room.intake.submit

    async def behind(*what: Any) -> Any:
        items = room.tracer.vocabulary.items
        taken = {
            "event_id": number_id(2),
            "student_id": "ben",
            "item_id": items[0].item_id,
            "correct": True,
            "answered_at": "2026-03-01T09:00:00Z",
        }
        assert (await elsewhere.post("/api/v1/events", json=taken)).status_code == 200
        assert (await send(elsewhere, voiding(9, 1))).status_code == 200
        return await submit(*what)

    monkeypatch.setattr(room.intake, "submit", behind)
    assert (await send(client, statement(room, 1), statement(room, 2))).status_code == 409
    assert await answers_of(elsewhere) == []
