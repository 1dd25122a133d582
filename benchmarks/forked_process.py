"""A process of the service that is forked from one which has imported it and done nothing else.

A thousand starts then spare a thousand times the two seconds of imports. What serves, and dies, is a process of its own
all the same: its connections, threads and memory begin after the fork.
"""

import multiprocessing
import os
import sys
from pathlib import Path

from knowtrace.service.server import run
from knowtrace.settings import Settings

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["knowtrace.service.server"])


class ForkedProcess:
    """The `Process` of a `ServerProcess`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._process = FORKS.Process(target=_serve, args=(environment, log), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, sig: int, /) -> None:
        os.kill(self.pid, sig)

    def wait(self, timeout: float | None = None) -> int:
        """Return what it ended with.

        Raises:
            TimeoutError: it has not ended.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"Process {self.pid} has not ended within {timeout} s.")
        return self._process.exitcode


def _serve(environment: dict[str, str], log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    run(Settings())
