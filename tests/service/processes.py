"""The service as a process of its own, as an operator starts it; and Redis."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

STARTS_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[bytes]
    port: int


@dataclass(frozen=True)
class RedisServer:
    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def served(folder: Path, run: Path, **settings: str) -> Iterator[Served]:
    """Start the service on a SQLite file in a folder, where its `log` is too; it is ready, and killed at the end."""
    port = free_port()
    environment = {
        **os.environ,
        "KNOWTRACE_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'test.db'}",
        "KNOWTRACE_RUN": str(run),
        "KNOWTRACE_PORT": str(port),
        **{f"KNOWTRACE_{name.upper()}": value for name, value in settings.items()},
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "knowtrace.service.server"], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_until_ready(process, port, folder / "log")
        yield Served(process, port)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def redis_server(folder: Path, *, port: int | None = None) -> Iterator[RedisServer]:
    """Start a Redis that keeps nothing; without the program a test is skipped, except in CI, where it fails."""
    program = shutil.which("redis-server")
    if program is None:
        message = "no Redis: TEST_REDIS_URL is not set and no redis-server is found"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    port = port or free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield RedisServer(process, f"redis://127.0.0.1:{port}/0")
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the service did not become ready:\n{log.read_text()[-2000:]}")
