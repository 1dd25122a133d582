"""Who is let in: so many requests at once, and none to wait for once the service is about to stop."""

import time
from collections.abc import Callable
from types import TracebackType

from starlette.types import Message, Scope, Send

ALWAYS_OPEN = frozenset(
    {
        *("/health", "/ready", "/ping", "/metrics"),
        *("/api/v1/health", "/api/v1/health/ready", "/api/v1/metrics"),
        *("/v2/health/live", "/v2/health/ready"),
    }
)
"""An overloaded process must be seen to be one, and not be restarted for it."""

CROWD_SECONDS = 1.0
"""A class that answers at one moment is served within it; what lasts longer is more than the process can do."""

CALM_SHARE, CROWD_SHARE = 8, 4
"""At most an eighth of the places taken is calm; in a lasting crowd a quarter of them are given."""


class Door:
    """Counts the requests that wait for their answers to begin; a stream that has begun waits no more.

    What comes while `most_inside` are waiting is sent away at once: answers in time for some are worth more than late
    ones for all. In a crowd that lasts, fewer places are given, so that those inside wait a quarter as long: a full
    queue would answer no more requests, only later ones.
    """

    def __init__(self, most_inside: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_inside = most_inside
        self._calm = most_inside // CALM_SHARE
        self._most_in_crowd = max(most_inside // CROWD_SHARE, 1)
        self._clock = clock
        self._calm_at = clock()
        self.num_inside = 0
        self.is_closing = False

    def enter(self, scope: Scope) -> "Passage | None":
        """Let a request in, or return None."""
        now = self._clock()
        if self.num_inside <= self._calm:
            self._calm_at = now
        is_crowd = now - self._calm_at > CROWD_SECONDS
        most = self._most_in_crowd if is_crowd else self._most_inside
        if self.num_inside >= most and scope["path"] not in ALWAYS_OPEN:
            return None
        return Passage(self)

    def close(self) -> None:
        """Say at `/ready` that others are to be asked, and end each connection with its next answer."""
        self.is_closing = True


class Passage:
    """One request inside, from `with` until its answer begins or it ends without one."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._is_inside = False

    def __enter__(self) -> None:
        self._is_inside = True
        self._door.num_inside += 1

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._leave()

    def ending_with(self, send: Send) -> Send:
        """Return a `send` that ends the passage when the answer begins."""

        async def send_and_leave(message: Message) -> None:
            self._leave()
            await send(message)

        return send_and_leave

    def _leave(self) -> None:
        if self._is_inside:
            self._is_inside = False
            self._door.num_inside -= 1
