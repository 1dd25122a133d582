"""What is remembered of students: filled before the first request, counted, and let go of one by one."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings
from knowtrace.tracing import StudentKey

Body = dict[str, Any]
ANNA, BEN = StudentKey("default", "anna"), StudentKey("default", "ben")


def looks(classroom: Classroom, result: str, *, cache: str = "followed_state") -> float:
    labels = {"cache": cache, "operation": "get", "result": result}
    return classroom.metrics.registry.get_sample_value("ml_cache_operations_total", labels) or 0.0


async def answered(client: httpx.AsyncClient, event: Callable[..., Body], *student_ids: str) -> None:
    for number, student_id in enumerate(student_ids, 1):
        sent = event(number, event_id=f"{student_id}/{number}", student_id=student_id)
        assert (await client.post("/api/v1/events", json=sent)).status_code == 200


async def test_one_student_is_forgotten_and_read_anew(
    client: httpx.AsyncClient, classroom: Classroom, event: Callable[..., Body]
) -> None:
    await answered(client, event, "anna", "ben")
    before = (await client.get("/api/v1/mastery/anna")).json()
    followed, committer = classroom.lineup.champion.followed, classroom.intake._committer
    assert {ANNA, BEN} <= set(followed._kept)
    assert {ANNA, BEN} <= set(committer._cache)

    answer = await client.delete("/api/v1/cache/user/anna")
    assert (answer.status_code, answer.json()) == (200, {"user_id": "anna", "shared_cache": "none"})
    assert ANNA not in followed._kept
    assert ANNA not in committer._cache
    assert BEN in followed._kept
    assert BEN in committer._cache

    misses = looks(classroom, "miss")
    after = (await client.get("/api/v1/mastery/anna")).json()
    assert looks(classroom, "miss") == misses + 1
    assert after["skills"] == before["skills"]
    await answered(client, event, "anna")
    assert looks(classroom, "miss", cache="student_state") == 3


async def test_an_unknown_student_has_nothing_to_forget(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/api/v1/cache/user/nobody")).status_code == 200


async def test_an_erasure_forgets_nobody_else(
    client: httpx.AsyncClient, classroom: Classroom, event: Callable[..., Body]
) -> None:
    await answered(client, event, "anna", "ben")
    assert (await client.delete("/api/v1/students/anna")).status_code == 200
    kept = classroom.lineup.champion.followed._kept
    assert (ANNA in kept, BEN in kept) == (False, True)


@pytest.mark.parametrize(("most", "remembered"), [(1_000, 3), (2, 2), (0, 0)])
async def test_who_answered_last_is_remembered_before_the_first_request(
    client: httpx.AsyncClient, settings: Settings, event: Callable[..., Body], most: int, remembered: int
) -> None:
    await answered(client, event, "anna", "ben", "carl")
    app: FastAPI = create_app(
        Settings(
            **{**settings.model_dump(exclude_unset=True), "warm_students": most, "roles_poll_seconds": 600}
        )
    )
    async with app.router.lifespan_context(app):
        classroom: Classroom = app.state.classroom
        kept = {key.student_id for key in classroom.lineup.champion.followed._kept}
        assert kept == set(["carl", "ben", "anna"][:remembered])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as other:
            assert (await other.get("/api/v1/mastery/carl")).json()["num_answers"] == 1
        assert (looks(classroom, "hit"), looks(classroom, "miss")) == ((1, 0) if remembered else (0, 1))
