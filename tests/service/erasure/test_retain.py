"""`knowtrace students retain`: who is silent too long is erased, unless heard of before the turn comes."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from store.conftest import empty
from typer.testing import CliRunner, Result

from knowtrace.cli import app as commands
from knowtrace.service.app import create_app
from knowtrace.settings import Settings
from knowtrace.store import Store

Body = dict[str, Any]
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    monkeypatch.setenv("KNOWTRACE_RUN", str(tiny_run))
    asyncio.run(prepared(url))
    return Settings(database_url=url, run=tiny_run)


async def prepared(url: str) -> None:
    async with empty(url):
        pass


def served(settings: Settings, ask: Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]) -> None:
    """Let a service of its own, in a thread of its own, be asked something."""

    async def run() -> None:
        app = create_app(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        ):
            await ask(client)

    with ThreadPoolExecutor() as thread:
        thread.submit(asyncio.run, run()).result()


def left(settings: Settings) -> dict[str, int]:
    """Return how many answers, withdrawn ones too, are kept of whom."""

    async def run() -> dict[str, int]:
        async with Store(settings.database_url) as store, store.reading("default") as session:
            names = ("anna", "ben", "carl")
            return {
                name: len(rows) for name in names if (rows := await session.belongings.events(name, None))
            }

    return asyncio.run(run())


def retain(settings: Settings, *more: str) -> Result:
    command = ["students", "retain", "--older-than", "730", "--database", settings.database_url, *more]
    done = CliRunner().invoke(commands, command)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def old_answers(settings: Settings, event: Callable[..., Body]) -> None:
    """Two students who answered long ago."""

    async def ask(client: httpx.AsyncClient) -> None:
        for number, student_id in enumerate(("anna", "ben")):
            sent = event(number, student_id=student_id, answered_at=LONG_AGO)
            assert (await client.post("/api/v1/events", json=sent)).status_code == 200

    served(settings, ask)


@pytest.mark.usefixtures("old_answers")
def test_who_answers_while_it_is_asked_is_kept_and_counted(
    settings: Settings, event: Callable[..., Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def come_back(client: httpx.AsyncClient) -> None:
        sent = event(9, answered_at=datetime.now(UTC).isoformat())
        assert (await client.post("/api/v1/events", json=sent)).status_code == 200

    monkeypatch.setattr(typer, "confirm", lambda *_, **__: served(settings, come_back))
    said = retain(settings, "--json")
    receipt = json.loads(said.stdout[said.stdout.index("{\n") :])  # before it, what the service logged
    assert (receipt["num_students"], receipt["num_kept"], receipt["rows"]["events"]) == (1, 1, 1)
    assert "Kept: 1 students" in said.stderr
    assert left(settings) == {"anna": 2}


@pytest.mark.usefixtures("old_answers")
def test_where_all_come_back_nobody_is_erased(
    settings: Settings, event: Callable[..., Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def come_back(client: httpx.AsyncClient) -> None:
        for number, student_id in enumerate(("anna", "ben")):
            sent = event(9 + number, student_id=student_id, answered_at=datetime.now(UTC).isoformat())
            assert (await client.post("/api/v1/events", json=sent)).status_code == 200

    monkeypatch.setattr(typer, "confirm", lambda *_, **__: served(settings, come_back))
    said = retain(settings)
    assert "Kept: 2 students" in said.stderr and "Erased" not in said.output
    assert left(settings) == {"anna": 2, "ben": 2}


@pytest.mark.usefixtures("old_answers")
def test_whose_answers_were_all_withdrawn_is_erased_too(
    settings: Settings, event: Callable[..., Body]
) -> None:
    async def withdraw(client: httpx.AsyncClient) -> None:
        sent = event(7, student_id="carl", answered_at=LONG_AGO)
        assert (await client.post("/api/v1/events", json=sent)).status_code == 200
        assert (await client.delete("/api/v1/events/e7")).status_code == 200

    served(settings, withdraw)
    assert set(left(settings)) == {"anna", "ben", "carl"}
    assert "of 3 students" in retain(settings, "--yes").stderr
    assert left(settings) == {}
    assert "nothing is erased" in retain(settings, "--yes").stderr
