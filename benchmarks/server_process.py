"""Start and stop the real server as its own process, for the benchmarks beside this file."""

import contextlib
import os
import platform
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import orjson

STARTS_WITHIN_SECONDS = 30.0


class Process(Protocol):
    """The part of `subprocess.Popen` that is needed here."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def send_signal(self, sig: int, /) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


def _launched(environment: dict[str, str], log: Path) -> Process:
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "knowtrace.service.server"], env=environment, stdout=file, stderr=file
        )


class ServerProcess:
    """`python -m knowtrace.service.server` on a free port; logs go to a file that the caller may read.

    `launch` makes the process, of an environment and the place of its log.
    """

    def __init__(
        self,
        *,
        database_url: str,
        run: Path,
        log: Path,
        launch: Callable[[dict[str, str], Path], Process] = _launched,
        **settings: str,
    ) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._launch = launch
        self._environment = {
            **os.environ,
            "KNOWTRACE_DATABASE_URL": database_url,
            "KNOWTRACE_RUN": str(run),
            "KNOWTRACE_PORT": str(self.port),
            **{f"KNOWTRACE_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> float:
        """Start the server and return the seconds until it was ready."""
        started = time.perf_counter()
        self._process = self._launch(self._environment, self._log)
        while time.perf_counter() - started < STARTS_WITHIN_SECONDS:
            if (ended_with := self._process.poll()) is not None:
                raise RuntimeError(f"The server ended at start with {ended_with}; see {self._log}.")
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                self.get("/ready")
                return time.perf_counter() - started
            time.sleep(0.02)
        raise RuntimeError(f"The server was not ready within {STARTS_WITHIN_SECONDS} s; see {self._log}.")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9: no handler runs, nothing is flushed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> float:
        """Ask the server to stop and return the seconds it took."""
        assert self._process is not None
        started = time.perf_counter()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        return time.perf_counter() - started

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return orjson.loads(answer.read())


def machine() -> dict[str, Any]:
    return {
        "cpu_count": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write and print a report, with the command that made it and when."""
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **result,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
