"""The service as a process of its own, as an operator starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

STARTS_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class Served:
    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def served(folder: Path, run: Path, **settings: str) -> Iterator[Served]:
    """Start the service on a SQLite file in a folder, where its `log` is too; it is ready, and killed at the end."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
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


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the service did not become ready:\n{log.read_text()[-2000:]}")
