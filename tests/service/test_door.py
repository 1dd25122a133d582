"""What happens when more comes than can be answered: some are answered in time, the others told so at once."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
from fastapi import FastAPI

from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.service.door import Door, Passage
from knowtrace.settings import Settings
from tests.service.conftest import Body


async def test_what_is_too_many_is_sent_away_and_probes_are_not(
    settings: Settings, event: Callable[..., Body], tmp_path: Path
) -> None:
    app = create_app(settings.model_copy(update={"max_requests_inside": 1, "lock_wait_seconds": 5.0}))
    async with app.router.lifespan_context(app), _client(app) as client:
        classroom: Classroom = app.state.classroom
        holder = sqlite3.connect(tmp_path / "test.db", isolation_level=None, check_same_thread=False)
        # Beside the loop: the service may be in the midst of a transaction of its own.
        await asyncio.to_thread(holder.execute, "BEGIN IMMEDIATE")
        waiting = asyncio.create_task(client.post("/api/v1/events", json=event(1)))
        while not classroom.door.num_inside:
            await asyncio.sleep(0.01)
        refused = await client.get("/api/v1/mastery/anna")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert "the most this process lets in" in refused.json()["detail"]
        probes = ("/health", "/ready", "/ping", "/v2/health/live", "/v2/health/ready")
        assert [(await client.get(path)).status_code for path in probes] == [200] * len(probes)
        assert "knowtrace_requests_refused_total 1.0" in (await client.get("/metrics")).text
        holder.execute("COMMIT")
        holder.close()
        assert (await waiting).json()["status"] == "accepted"
        assert classroom.door.num_inside == 0
        assert (await client.get("/api/v1/mastery/anna")).status_code == 200


def test_a_crowd_that_lasts_gets_a_quarter_of_the_places() -> None:
    moments = [0.0]
    door = Door(16, clock=lambda: moments[0])
    scope = {"path": "/api/v1/events"}

    def let_in() -> list[Passage]:
        inside = list[Passage]()
        while passage := door.enter(scope):
            inside.append(passage)
            passage.__enter__()
        return inside

    def send_out(passages: list[Passage]) -> None:
        for passage in passages:
            passage.__exit__(None, None, None)

    burst = let_in()
    assert len(burst) == 16
    moments[0] = 1.5
    send_out(burst[3:])
    crowd = let_in()
    assert (len(crowd), door.num_inside) == (1, 4)
    assert door.enter({"path": "/ready"}) is not None
    send_out([*burst[:2], *crowd])
    assert len(let_in()) == 15


async def test_a_failed_request_leaves_as_well(client: httpx.AsyncClient, classroom: Classroom) -> None:
    assert (await client.post("/api/v1/events", json={"foo": 1})).status_code == 422
    assert (await client.get("/nothing/here")).status_code == 404
    assert classroom.door.num_inside == 0


async def test_a_body_that_does_not_come_is_408(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"body_within_seconds": 0.05}))

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)
        yield b"}"

    async with app.router.lifespan_context(app), _client(app) as client:
        answer = await client.post("/api/v1/events", content=slowly())
    assert answer.status_code == 408
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_leaves_says_so_and_still_answers(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.classroom.door.close()
    assert (await client.get("/ready")).status_code == 503
    answer = await client.get("/api/v1/mastery/anna")
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
