"""Whether a model, or Redis, may be asked: what has failed again and again is left alone for a while."""

import time
from collections import deque
from collections.abc import Callable

FAILURES = 3
"""Failures in a row after which it is not asked any more."""

REST_SECONDS = 5.0
"""Until it is asked again, once; and, where that one is not heard of, until the next."""

WINDOW = 200
"""Answers whose durations are kept."""


class Breaker:
    """Counts failures in a row and keeps the durations of the last answers."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._asked_again_at = 0.0
        self.num_failures = 0
        self.seconds: deque[float] = deque(maxlen=WINDOW)

    @property
    def is_open(self) -> bool:
        """Whether it is to be left alone."""
        return self._failures >= FAILURES and self._clock() < self._asked_again_at

    def lets_through(self) -> bool:
        """Return whether it may be asked now. After its rest it is asked once, and by others when that went well."""
        if self._failures < FAILURES:
            return True
        if self.is_open:
            return False
        self._asked_again_at = self._clock() + REST_SECONDS
        return True

    def succeeded(self, seconds: float) -> None:
        self._failures = 0
        self.seconds.append(seconds)

    def failed(self, seconds: float | None = None) -> None:
        """Count a failure; `seconds` is how long it took where taking too long was the failure."""
        self.num_failures += 1
        self._failures += 1
        self._asked_again_at = self._clock() + REST_SECONDS
        if seconds is not None:
            self.seconds.append(seconds)

    def begin_anew(self) -> None:
        """Forget what it did before."""
        self._failures = self.num_failures = 0
        self.seconds.clear()

    def median_seconds(self) -> float | None:
        """Return the median duration of the last answers; None until there are enough of them."""
        if len(self.seconds) < WINDOW // 2:
            return None
        return sorted(self.seconds)[len(self.seconds) // 2]
