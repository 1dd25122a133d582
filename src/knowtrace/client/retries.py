"""When to try again, and how long to wait before: exponential, with jitter, and as the service asks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

AGAIN = frozenset({429, 502, 503, 504})
"""Answers that mean "not now"."""


NOT_BEGUN = frozenset({429, 503})
"""Those of them that the service gives before anything is done; the others may come from what stands between."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how patiently to try.

    The wait before try n+1 is drawn evenly from 0 to `first_wait_seconds` doubled n-1 times, at most
    `longest_wait_seconds` ("full jitter": clients that failed together do not come back together). What Retry-After
    asks for is waited first, and the drawn wait after it. A wait that would end later than `patience_seconds` after
    the first try is not begun: the last failure is raised. `max_tries` 1 means never again.

    Raises:
        ValueError: a figure is out of range.
    """

    max_tries: int = 5
    first_wait_seconds: float = 0.2
    longest_wait_seconds: float = 10.0
    patience_seconds: float = 60.0
    random: Random = field(default_factory=Random)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        wrong: list[str] = []
        if self.max_tries < 1:
            wrong.append(f"max_tries ({self.max_tries}) must be at least 1.")
        for name in ("first_wait_seconds", "longest_wait_seconds", "patience_seconds"):
            if not getattr(self, name) >= 0:
                wrong.append(f"{name} ({getattr(self, name)}) must be at least 0.")
        if wrong:
            raise ValueError(" ".join(wrong))

    def wait_after(self, num_tries: int, elapsed_seconds: float, retry_after: str | None) -> float | None:
        """Return the seconds to wait after so many tries, or None to give up.

        `elapsed_seconds` is the time since the first try began, `retry_after` the header of the last answer.
        """
        if num_tries >= self.max_tries:
            return None
        most = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** min(num_tries - 1, 60))
        wait = self.random.uniform(0, most) + self._asked_for(retry_after)
        return wait if elapsed_seconds + wait <= self.patience_seconds else None

    def _asked_for(self, retry_after: str | None) -> float:
        """Return the seconds that Retry-After asks for, as a number or as a date; 0 when it says neither."""
        text = (retry_after or "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max((at - self.now()).total_seconds(), 0.0)
