"""A service in a process of its own, and a client that sends it answers: what the demo is made of."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from knowtrace.domain import Interaction
from knowtrace.errors import UnavailableError

READY_SECONDS = 60.0
REQUEST_SECONDS = 30.0
EVENTS_PER_CALL = 500
SECONDS_BETWEEN_ANSWERS = 30


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LiveService:
    """`knowtrace serve` as a child process, for as long as the `with` block lasts."""

    def __init__(self, run: Path, database: str, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._log = run.parent.parent / "serve.log"
        self._command = [
            *(sys.executable, "-m", "knowtrace", "serve", "--run", str(run)),
            *("--database", database, "--host", "127.0.0.1", "--port", str(port)),
        ]

    def __enter__(self) -> "LiveService":
        with self._log.open("wb") as log:
            # The demo's client has no key, and its service listens on this machine only.
            environment = {**os.environ, "KNOWTRACE_AUTH": "open"}
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)  # noqa: S603 - our own command
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise UnavailableError(f"The service did not start. Its log, {self._log}, says why.")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=REQUEST_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def wait(self) -> None:
        self._process.wait()

    def send(self, history: Sequence[Interaction]) -> int:
        """Send one student's answers in order and return how many were stored.

        Raises:
            UnavailableError: the service refused an answer or did not reply.
        """
        ended = datetime.now(UTC)
        first = ended - timedelta(seconds=SECONDS_BETWEEN_ANSWERS * (len(history) - 1))
        events = [
            _event(interaction, first + timedelta(seconds=SECONDS_BETWEEN_ANSWERS * position))
            for position, interaction in enumerate(history)
        ]
        for start in range(0, len(events), EVENTS_PER_CALL):
            answer = self._call("/api/v1/events", {"events": events[start : start + EVENTS_PER_CALL]})
            refused = [result for result in answer["results"] if result["status"] != "accepted"]
            if refused:
                raise UnavailableError(f"The service refused an answer of the replay: {refused[0]['reason']}")
        return len(events)

    def check_page(self, page: str) -> None:
        """Fetch a page as a browser would.

        Raises:
            UnavailableError: it did not come.
        """
        with self._open(urllib.request.Request(page)) as response:  # noqa: S310 - our own address
            response.read()

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.address}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._open(request) as response:
            return json.load(response)

    def _open(self, request: urllib.request.Request) -> Any:
        try:
            return urllib.request.urlopen(request, timeout=REQUEST_SECONDS)  # noqa: S310 - our own address
        except (urllib.error.URLError, TimeoutError) as error:
            raise UnavailableError(
                f"{request.full_url} did not answer ({error}); see {self._log}."
            ) from error

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/ready", timeout=1) as response:  # noqa: S310 - our own
                return response.status == 200
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False


def _event(interaction: Interaction, answered_at: datetime) -> dict[str, Any]:
    return {
        "event_id": secrets.token_hex(12),
        "student_id": interaction.student_id,
        "item_id": interaction.item_id,
        "skill_ids": list(interaction.skill_ids),
        "response": interaction.response,
        "answered_at": answered_at.isoformat(),
    }
