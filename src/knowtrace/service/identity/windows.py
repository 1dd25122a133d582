"""Counts of the last minutes, in this process: what the library's own memory does, without a task per request."""

import math
import time
from collections import OrderedDict

from limits.aio.storage import MemoryStorage

MOST_KEYS = 100_000


class Windows(MemoryStorage):
    """A store for the sliding window counter: the share of the window before that still lies in this one, and this one.

    The library's memory sweeps all keys after every hit; here a key costs the same however many there are, and
    the one not used for longest goes when there are too many.
    """

    STORAGE_SCHEME = ["async+windows"]  # noqa: RUF012 - the library's own declaration

    def __init__(self) -> None:
        super().__init__()
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        number, into = divmod(time.time(), expiry)
        before, current = self._read(key, int(number))
        if math.floor(before * (1 - into / expiry) + current) + amount > limit:
            return False
        self._counts[key] = (int(number), before, current + amount)
        self._counts.move_to_end(key)
        while len(self._counts) > MOST_KEYS:
            self._counts.popitem(last=False)
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        number, into = divmod(time.time(), expiry)
        before, current = self._read(key, int(number))
        return before, expiry - into if before else 0.0, current, 2 * expiry - into

    def _read(self, key: str, number: int) -> tuple[int, int]:
        kept, before, current = self._counts.get(key, (number, 0, 0))
        if kept == number:
            return before, current
        return (current, 0) if kept == number - 1 else (0, 0)
