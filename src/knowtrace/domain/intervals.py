"""How far a mastery estimate may be from the truth, given how much evidence stands behind it."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class MasteryIntervals:
    """A table of intervals, measured on students held out of training.

    `evidence_from` (E,) holds the least evidence of each row, ascending from 0; `grid` (P,) the estimates of
    each column, ascending from 0 to 1; `low` and `high` (E, P) the bounds; `level` the probability that the
    student's true success rate lies between them.
    """

    level: float
    evidence_from: NDArray[np.int64]
    grid: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def bounds(
        self, estimate: ArrayLike, evidence: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the low and high bound of each estimate, linear between grid points; shapes as given."""
        p = np.atleast_1d(np.asarray(estimate, dtype=np.float64))
        row = np.searchsorted(self.evidence_from, np.atleast_1d(np.asarray(evidence)), side="right") - 1
        position = p * (len(self.grid) - 1)
        left = np.minimum(position.astype(np.int64), len(self.grid) - 2)
        share = position - left
        low = self.low[row, left] * (1 - share) + self.low[row, left + 1] * share
        high = self.high[row, left] * (1 - share) + self.high[row, left + 1] * share
        return np.minimum(low, p), np.maximum(high, p)

    def bounds_of_one(self, estimate: float, evidence: int) -> tuple[float, float]:
        """Return what `bounds` returns for one estimate: the cost of arrays is ten times that of the sums."""
        evidence_from, lows, highs = self._lists
        row = bisect_right(evidence_from, evidence) - 1
        low, high = lows[row], highs[row]
        position = estimate * (len(low) - 1)
        left = min(int(position), len(low) - 2)
        share = position - left
        return (
            min(low[left] * (1 - share) + low[left + 1] * share, estimate),
            max(high[left] * (1 - share) + high[left + 1] * share, estimate),
        )

    @cached_property
    def _lists(self) -> tuple[list[int], list[list[float]], list[list[float]]]:
        return self.evidence_from.tolist(), self.low.tolist(), self.high.tolist()
