"""How far a mastery estimate may be from the truth, given how much evidence stands behind it."""

from dataclasses import dataclass

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
