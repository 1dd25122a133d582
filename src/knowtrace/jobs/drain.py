"""The time that stopping may take."""

import time
from collections.abc import Callable


class Drain:
    """One deadline for all who finish what they have in hand when a process stops; it begins once."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends_at: float | None = None

    @property
    def has_begun(self) -> bool:
        return self._ends_at is not None

    def begin(self) -> float:
        """Return the seconds that are left, 0 at the end."""
        now = self._clock()
        if self._ends_at is None:
            self._ends_at = now + self._seconds
        return max(self._ends_at - now, 0.0)
