"""Hashes of many integers at once: equal values have equal hashes, others hardly ever."""

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


def rolling(values: Hashes, size: int) -> Hashes:
    """Return a hash of every `size` values in a row, (N - size + 1,): windows are doubled, then joined."""
    whole: Hashes | None = None
    power, length, covered = mixed(values), 1, 0
    while True:
        if size & length:
            part = power[covered:]
            whole = part if whole is None else joined(whole[: len(part)], part[: len(whole)])
            covered += length
        if covered == size:
            assert whole is not None
            return whole[: len(values) - size + 1]
        power = joined(power[:-length], power[length:])
        length *= 2


def joined(left: Hashes, right: Hashes) -> Hashes:
    """Return one hash of two, in this order."""
    return mixed(left * np.uint64(0x9E3779B97F4A7C15) + right)


def mixed(values: Hashes) -> Hashes:
    """Return splitmix64's output function (Steele, Lea and Flood, 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
