"""A real server on a real port, and both clients behind one face."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvicorn

from knowtrace.client import AsyncClient, Client, Retries
from knowtrace.service.app import create_app
from knowtrace.settings import Settings


@dataclass
class Clock:
    """Time that passes only in sleep."""

    seconds: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Awaited:
    """An AsyncClient whose methods are run to their end."""

    def __init__(self, runner: asyncio.Runner, client: AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **named: self._runner.run(getattr(self._client, name)(*args, **named))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Callable[..., Any]]:
    """Make a client, of each kind in turn, that sleeps by the fake clock."""
    opened: list[Any] = []

    def retries() -> Retries:
        return Retries(random=Random(5))

    if request.param == "sync":

        def make(url: str, **options: Any) -> Any:
            options = {"retries": retries(), "clock": clock, "sleep": clock.sleep, **options}
            opened.append(Client(url, **options))
            return opened[-1]

        yield make
        for client in opened:
            client.close()
        return
    with asyncio.Runner() as runner:

        def make_async(url: str, **options: Any) -> Any:
            options = {"retries": retries(), "clock": clock, "sleep": clock.sleep_async, **options}
            opened.append(Awaited(runner, AsyncClient(url, **options)))
            return opened[-1]

        yield make_async
        for client in opened:
            client.close()


@pytest.fixture(scope="module")
def service(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real service, in a thread of this process."""
    database = tmp_path_factory.mktemp("client") / "test.db"
    app = create_app(
        Settings(
            database_url=f"sqlite+aiosqlite:///{database}",
            run=tiny_run,
            webhook_hosts=("127.0.0.1",),
            seal_key="0123456789abcdef" * 4,
        )
    )
    config = uvicorn.Config(app, port=0, lifespan="on", ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    [listening] = server.servers
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
