"""Does the model fit? The limited-information statistic M2, and C2 for items with more than two categories.

Joe & Maydeu-Olivares (2010, Psychometrika 75) compare what one item and two items show with what the model expects; Cai
& Monroe (2014, CRESST report 839) take, of each pair of graded items, the mean product of the categories. With binary
items the two are one. Tables of whole patterns are nearly empty for long tests; these margins are not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import chi2

from knowtrace.errors import CalibrationError
from knowtrace.psychometrics.calibration import Calibration
from knowtrace.psychometrics.responses import MISSING, ResponseMatrix

Floats = NDArray[np.float64]

MAX_ITEMS = 60
"""The covariance of all pairs of items is a matrix of items to the fourth power."""


@dataclass(frozen=True)
class ModelFit:
    """A statistic that is chi-squared with `degrees_of_freedom` when the model holds; RMSEA is 0 for perfect fit."""

    statistic: float
    degrees_of_freedom: int
    p_value: float
    rmsea: float


def model_fit(calibration: Calibration, matrix: ResponseMatrix) -> ModelFit:
    """Return M2, or C2 when an item has more than two categories, of a fit to the answers it was fitted to.

    Raises: CalibrationError when an answer is missing, when there are more than 60 items, and when the parameters are
    as many as the margins, so that nothing is left to test.
    """
    items = calibration.parameters.items
    used = matrix.columns([matrix.items.index(item) for item in items])
    margins = _Margins(calibration)
    _refuse_what_cannot_be_tested(used, len(margins.place_of_pair), margins.size, calibration.num_parameters)
    covariance, slopes = margins.covariance(), margins.derivatives()
    residual = margins.observed(used) - margins.expected
    factor = cho_factor(covariance)
    weighted = cho_solve(factor, np.column_stack([residual, slopes]))
    of_residual, of_slopes = weighted[:, 0], weighted[:, 1:]
    removed = slopes.T @ of_residual
    statistic = residual @ of_residual - removed @ np.linalg.solve(slopes.T @ of_slopes, removed)
    statistic *= used.num_students
    free = margins.size - calibration.num_parameters
    rmsea = float(np.sqrt(max(statistic - free, 0) / (free * (used.num_students - 1))))
    return ModelFit(float(statistic), free, float(chi2.sf(statistic, free)), rmsea)


def _refuse_what_cannot_be_tested(
    used: ResponseMatrix, num_pairs: int, size: int, num_parameters: int
) -> None:
    if (used.responses == MISSING).any():
        num_missing = int((used.responses == MISSING).sum())
        raise CalibrationError(
            f"{num_missing:,} answers are missing: M2 needs complete rows. Drop the others."
        )
    if len(used.items) > MAX_ITEMS:
        raise CalibrationError(
            f"{len(used.items)} items have {num_pairs:,} pairs; M2 takes at most {MAX_ITEMS} items. Test a part."
        )
    if size <= num_parameters:
        raise CalibrationError(
            f"{size} margins and {num_parameters} parameters leave nothing to test. Give more items."
        )


class _Margins:
    """Category shares of each item (but category 0), then the mean product of each pair of items: S numbers."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        parameters, grid = calibration.parameters, calibration.grid
        self.weights = np.exp(grid.log_weights)
        self.curves = parameters.probabilities(grid.points)  # (I, Q, K)
        category = np.arange(self.curves.shape[2])
        self.mean = self.curves @ category  # (I, Q)
        self.variance = self.curves @ category**2 - self.mean**2
        num_items = len(parameters.items)
        self.shares = [(i, k) for i in range(num_items) for k in range(1, int(parameters.num_categories[i]))]
        self.pairs = np.array([(i, j) for i in range(num_items) for j in range(i)]).reshape(-1, 2)
        self.place_of_pair = {frozenset(p): len(self.shares) + n for n, p in enumerate(self.pairs.tolist())}
        self.size = len(self.shares) + len(self.pairs)
        shares = np.array([self.curves[i, :, k] for i, k in self.shares])
        self.given_ability = np.concatenate(
            [shares, self.mean[self.pairs[:, 0]] * self.mean[self.pairs[:, 1]]]
        )
        self.expected = self.given_ability @ self.weights  # (S,)

    def observed(self, used: ResponseMatrix) -> Floats:
        share = used.counts / used.num_students
        of_items = [share @ (used.responses[:, i] == k) for i, k in self.shares]
        scores = used.responses.astype(np.float64)
        together = (scores * share[:, None]).T @ scores
        return np.concatenate([of_items, together[self.pairs[:, 0], self.pairs[:, 1]]])

    def covariance(self) -> Floats:
        """Return the covariance of one student's margins under the model, (S, S).

        Given ability, answers are independent, so margins without an item in common have the covariance of their
        means; those with one in common add its own spread.
        """
        weighted = self.given_ability * self.weights
        total = weighted @ self.given_ability.T - np.outer(self.expected, self.expected)
        num_items = len(self.mean)
        for i in range(num_items):
            others = [j for j in range(num_items) if j != i]
            places = [self.place_of_pair[frozenset((i, j))] for j in others]
            own = [n for n, (item, _) in enumerate(self.shares) if item == i]
            curves = np.array([self.curves[i, :, self.shares[n][1]] for n in own])  # (K-1, Q)
            labels = np.array([self.shares[n][1] for n in own])
            total[np.ix_(own, own)] += np.diag(curves @ self.weights) - (curves * self.weights) @ curves.T
            shared = (curves * (labels[:, None] - self.mean[i]) * self.weights) @ self.mean[others].T
            total[np.ix_(own, places)] += shared
            total[np.ix_(places, own)] += shared.T
            spread = (self.mean[others] * self.variance[i] * self.weights) @ self.mean[others].T
            total[np.ix_(places, places)] += spread
        first, second = self.pairs.T
        # A pair with itself shares both items; the loop above counted each item's spread once.
        both = (self.variance[first] * self.variance[second]) @ self.weights
        diagonal = np.arange(len(self.shares), self.size)
        total[diagonal, diagonal] += both
        return total

    def derivatives(self) -> Floats:
        """Return the derivatives of the margins in the free parameters, (S, P)."""
        parameters, points = self.calibration.parameters, self.calibration.grid.points
        columns: dict[int, list[Floats]] = {}
        for block in parameters.blocks:
            probabilities = self.curves[block.members, :, : block.num_categories, None]
            moves = probabilities * block.family.scores(parameters.rows(block), points)  # (I, Q, K, M)
            for i, move in zip(block.members.tolist(), moves, strict=True):
                columns[i] = [self._moved(i, move[:, :, m]) for m in range(move.shape[2])]
        if self.calibration.model != "1pl":
            return np.column_stack([column for i in sorted(columns) for column in columns[i]])
        common = np.sum([columns[i][0] for i in columns], axis=0)
        return np.column_stack([common, *(columns[i][1] for i in sorted(columns))])

    def _moved(self, item: int, move: Floats) -> Floats:
        """Return how margins (S,) move when the item's curves (Q, K) do."""
        moved = np.zeros(self.size)
        for n, (i, k) in enumerate(self.shares):
            if i == item:
                moved[n] = move[:, k] @ self.weights
        mean = move @ np.arange(move.shape[1]) * self.weights
        for j in range(len(self.mean)):
            if j != item:
                moved[self.place_of_pair[frozenset((item, j))]] = mean @ self.mean[j]
        return moved
