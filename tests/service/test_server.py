"""The real process: what it logs, what it streams, and how it stops."""

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
import uvicorn
from fastapi import FastAPI

from knowtrace.service.app import create_app
from knowtrace.service.batch import service as batch
from knowtrace.service.schedules import work
from knowtrace.service.server import Server
from knowtrace.settings import Settings
from tests.service.processes import Served, served

STUDENT = "anna-of-the-third-row"


@pytest.fixture
def started(tmp_path: Path, tiny_run: Path) -> Iterator[Served]:
    with served(tmp_path, tiny_run, log_key="a key for this test", leaving_seconds="1") as service:
        yield service


@pytest.fixture
def server(started: Served) -> subprocess.Popen[bytes]:
    return started.process


@pytest.fixture
def port(started: Served) -> int:
    return started.port


def event(number: int) -> dict[str, object]:
    return {
        "event_id": f"e{number}",
        "student_id": STUDENT,
        "item_id": "anything",
        "correct": True,
        "answered_at": f"2026-03-01T10:{number:02d}:00Z",
    }


def test_a_session_from_first_answer_to_shutdown(
    server: subprocess.Popen[bytes], port: int, tmp_path: Path
) -> None:
    """One process for several facts, as each start costs seconds."""
    url = f"http://127.0.0.1:{port}"
    heard: list[str] = []
    is_listening = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{url}/api/v1/students/{STUDENT}/stream", timeout=30) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                is_listening.set()
                heard.append(line)

    listener = threading.Thread(target=listen)
    listener.start()
    assert is_listening.wait(10)
    assert httpx.post(f"{url}/api/v1/events", json=event(1)).json()["status"] == "accepted"
    assert httpx.post(f"{url}/api/v1/events", json={**event(2), "foo": STUDENT}).status_code == 422
    assert httpx.get(f"{url}/api/v1/mastery/{STUDENT}", headers={"x-request-id": "r-1"}).status_code == 200
    probed = httpx.head(f"{url}/health", headers={"x-request-id": "r-2"})
    assert (probed.status_code, int(probed.headers["content-length"]) > 0) == (200, True)
    httpx.get(f"{url}/api/v1/mastery/{STUDENT}/nothing/here")
    httpx.get(f"{url}/{STUDENT}")

    started = time.monotonic()
    server.send_signal(signal.SIGTERM)
    server.wait(20)
    listener.join(5)
    assert time.monotonic() - started < 10, "an open stream must not hold the process"
    assert not listener.is_alive()
    assert "event: answer" in heard
    assert "event: closed" in heard

    log = (tmp_path / "log").read_text()
    assert STUDENT not in log
    lines = [orjson.loads(line) for line in log.splitlines()]
    assert all({"timestamp", "level", "logger", "message"} <= set(line) for line in lines)
    requests = [line for line in lines if line["message"] == "request"]
    [mastery] = [line for line in requests if line["request_id"] == "r-1"]
    assert mastery["route"] == "/api/v1/mastery/{student_id}"
    assert mastery["trace_id"] == "r-1"
    assert mastery["inference_time_ms"] > 0
    [head] = [line for line in requests if line["request_id"] == "r-2"]
    assert (head["method"], head["route"], head["status"]) == ("HEAD", "/health", 200)
    [posted] = [line for line in requests if line["route"] == "/api/v1/events" and line["status"] == 200]
    assert posted["user_id"] == mastery["user_id"]
    assert len(posted["user_id"]) == 16
    assert posted["model_version"] == mastery["model_version"]


def test_it_says_that_it_leaves_before_it_goes(server: subprocess.Popen[bytes], port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    with httpx.Client() as client:
        assert client.get(f"{url}/ready").headers.get("connection") != "close"
        server.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        while (ready := client.get(f"{url}/ready")).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (ready.status_code, ready.headers["connection"]) == (503, "close")
        assert client.post(f"{url}/api/v1/events", json=event(1)).status_code == 200
    assert server.wait(20) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
async def test_the_drain_begins_when_the_server_is_to_go_and_not_while_it_says_that_it_leaves(
    tmp_path: Path, tiny_run: Path, sig: signal.Signals
) -> None:
    app = create_app(Settings(database_url=f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", run=tiny_run))
    async with app.router.lifespan_context(app):
        server = Server(uvicorn.Config(app), app, leaving_seconds=0.3)
        server.handle_exit(sig, None)
        drain = app.state.classroom.drain
        assert drain.has_begun == (sig == signal.SIGINT)
        await asyncio.sleep(0.5)
        assert drain.has_begun
        assert server.should_exit


async def test_stopping_takes_no_longer_than_one_drain_whatever_is_in_hand(
    tmp_path: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job, and a schedule that is due; uvicorn has waited for its requests before."""

    async def endless(*_: object, **__: object) -> str:
        in_hand.append(1)
        await asyncio.sleep(60)
        return ""

    in_hand: list[int] = []
    monkeypatch.setattr(batch, "_predict", endless)
    monkeypatch.setattr(work, "forget", endless)
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{tmp_path / 'test.db'}",
        run=tiny_run,
        drain_seconds=2,
        schedule_poll_seconds=0.1,
        job_poll_seconds=0.05,
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        timetable = app.state.timetable
        async with asyncio.timeout(20):
            # What was due before the first look is not run: tomorrow is.
            while "retention" not in timetable._settled:
                await asyncio.sleep(0.02)
        timetable._now = lambda: datetime.now(UTC) + timedelta(days=1)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", timeout=10
        ) as client:
            body = {"requests": [{"student_id": "anna", "candidate_items": ["x"]}]}
            assert (await client.post("/api/v1/batch/submit", json=body)).status_code == 202
        async with asyncio.timeout(20):
            while len(in_hand) < 2:
                await asyncio.sleep(0.02)
        app.state.classroom.drain.begin()
        await asyncio.sleep(1)
        stopping_at = time.monotonic()
    assert 0.7 < time.monotonic() - stopping_at < 1.9


async def test_who_serves_looks_for_garbage_again() -> None:
    """Starting does not: `run` turns it off until everything is loaded."""
    app = FastAPI()
    server = Server(uvicorn.Config(app, lifespan="off", host="127.0.0.1", port=0), app)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    gc.disable()
    try:
        await server.startup()
        assert gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
    await server.shutdown()


def test_the_service_and_all_it_imports_need_no_torch() -> None:
    code = "import sys, knowtrace.service.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
