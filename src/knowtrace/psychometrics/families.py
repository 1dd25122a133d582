"""Response curves of item families, with the derivatives that fitting and scoring need.

I items of one family with K categories each are an array (I, M), one row an item:

    graded, partial-credit, sequential    slope, intercepts d_1 .. d_{K-1}    M = K
    guessing                              slope, intercept, logit of guessing M = 3, K = 2

Ability is a logit with D = 1. With x_k = slope * ability + d_k:

    graded (Samejima, 1969)               P(Y >= k) = sigmoid(x_k), d_1 > d_2 > ...
    partial-credit (Muraki, 1992)         P(Y = k) proportional to exp(slope * k * ability + d_k), d_0 = 0
    sequential (Tutz, 1990)               P(Y >= k | Y >= k - 1) = sigmoid(x_k)
    guessing (Birnbaum, 1968: 3PL)        P(Y = 1) = g + (1 - g) sigmoid(x_1)

With K = 2 the first three are the two-parameter logistic model. Everything is computed from logarithms: a category
that is nearly impossible has a large negative log-probability, never minus infinity.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit, logsumexp

Floats = NDArray[np.float64]


class Family(Protocol):
    """What fitting, scoring and information ask of a kind of item. Q is the number of abilities."""

    name: str

    def log_probabilities(self, rows: Floats, ability: Floats) -> Floats:
        """Return log P(Y = k), (I, Q, K)."""
        ...

    def scores(self, rows: Floats, ability: Floats) -> Floats:
        """Return the gradient of log P(Y = k) in the item's parameters, (I, Q, K, M)."""
        ...

    def curvature(self, rows: Floats, ability: Floats, counts: Floats) -> Floats:
        """Return the sum over abilities and categories of counts (I, Q, K) times the Hessian of log P, (I, M, M)."""
        ...

    def ability_derivatives(self, rows: Floats, ability: Floats) -> tuple[Floats, Floats]:
        """Return the first and second derivative of log P(Y = k) in ability, each (I, Q, K)."""
        ...

    def start(self, shares: Floats) -> Floats:
        """Return parameters (I, M) to start from, given the share of each category, (I, K), all positive."""
        ...


def _predictors(rows: Floats, ability: Floats) -> Floats:
    """Return x_k, (I, Q, K-1)."""
    return rows[:, None, :1] * ability[None, :, None] + rows[:, None, 1:]


def _with_slope(of_predictors: Floats, ability: Floats) -> Floats:
    """Return scores (I, Q, K, K) from derivatives in x, (I, Q, K, K-1): the slope's is the sum times ability."""
    slope = of_predictors.sum(-1, keepdims=True) * ability[None, :, None, None]
    return np.concatenate([slope, of_predictors], axis=-1)


def _curvature_of_diagonal(diagonal: Floats, ability: Floats) -> Floats:
    """Return the Hessian (I, K, K) in slope and intercepts, of one that is diagonal in x, (I, Q, K-1)."""
    num_items, _, steps = diagonal.shape
    hessian = np.zeros((num_items, steps + 1, steps + 1))
    hessian[:, 0, 0] = np.einsum("iqk,q->i", diagonal, ability**2)
    hessian[:, 0, 1:] = hessian[:, 1:, 0] = np.einsum("iqk,q->ik", diagonal, ability)
    inner = np.arange(1, steps + 1)
    hessian[:, inner, inner] = diagonal.sum(1)
    return hessian


class Graded:
    """Samejima's graded response model.

    P(Y = k) = sigmoid(x_k) sigmoid(-x_{k+1}) (1 - exp(x_{k+1} - x_k)): no difference of nearly equal numbers.
    Intercepts that are not ordered have the log-probability NaN.
    """

    name = "graded"

    def log_probabilities(self, rows: Floats, ability: Floats) -> Floats:
        x = _predictors(rows, ability)  # (I, Q, K-1)
        reached = np.pad(log_expit(x), ((0, 0), (0, 0), (1, 0)))
        stopped = np.pad(log_expit(-x), ((0, 0), (0, 0), (0, 1)))
        with np.errstate(invalid="ignore", divide="ignore"):
            between = np.log(-np.expm1(np.diff(rows[:, 1:], axis=1)))  # (I, K-2)
        return reached + stopped + np.pad(between, ((0, 0), (1, 1)))[:, None, :]

    def scores(self, rows: Floats, ability: Floats) -> Floats:
        reached = expit(_predictors(rows, ability))  # (I, Q, K-1)
        num_items, num_points, steps = reached.shape
        gap = rows[:, None, 1:-1] - rows[:, None, 2:]  # (I, 1, K-2)
        of_gap = -np.exp(-gap) / np.expm1(-gap)
        of_x = np.zeros((num_items, num_points, steps + 1, steps))
        for k in range(steps):
            of_x[:, :, k, k] = -reached[..., k]
            of_x[:, :, k + 1, k] = 1 - reached[..., k]
            if k > 0:
                of_x[:, :, k, k] -= of_gap[..., k - 1]
                of_x[:, :, k, k - 1] += of_gap[..., k - 1]
        return _with_slope(of_x, ability)

    def curvature(self, rows: Floats, ability: Floats, counts: Floats) -> Floats:
        reached = expit(_predictors(rows, ability))
        hessian = _curvature_of_diagonal(
            -(counts[..., 1:] + counts[..., :-1]) * reached * (1 - reached), ability
        )
        gap = rows[:, 1:-1] - rows[:, 2:]  # (I, K-2)
        of_gap = counts[..., 1:-1].sum(1) * np.exp(-gap) / np.expm1(-gap) ** 2
        for k in range(1, rows.shape[1] - 1):
            hessian[:, k, k] -= of_gap[:, k - 1]
            hessian[:, k + 1, k + 1] -= of_gap[:, k - 1]
            hessian[:, k, k + 1] += of_gap[:, k - 1]
            hessian[:, k + 1, k] += of_gap[:, k - 1]
        return hessian

    def ability_derivatives(self, rows: Floats, ability: Floats) -> tuple[Floats, Floats]:
        reached = np.pad(expit(_predictors(rows, ability)), ((0, 0), (0, 0), (1, 1)))
        reached[..., 0] = 1.0
        slope = rows[:, None, :1]
        spread = reached * (1 - reached)
        first = slope * (1 - reached[..., :-1] - reached[..., 1:])
        return first, -(slope**2) * (spread[..., :-1] + spread[..., 1:])

    def start(self, shares: Floats) -> Floats:
        above = shares[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
        return np.concatenate([np.ones((len(shares), 1)), 1.2 * logit(above)], axis=1)


class PartialCredit:
    """Muraki's generalized partial credit model; with K = 2 the two-parameter logistic model."""

    name = "partial-credit"

    def log_probabilities(self, rows: Floats, ability: Floats) -> Floats:
        category = np.arange(rows.shape[1])
        logits = rows[:, None, :1] * ability[None, :, None] * category
        logits[..., 1:] += rows[:, None, 1:]
        return logits - logsumexp(logits, axis=-1, keepdims=True)

    def scores(self, rows: Floats, ability: Floats) -> Floats:
        probabilities = np.exp(self.log_probabilities(rows, ability))  # (I, Q, K)
        category = np.arange(rows.shape[1])
        of_logits = np.eye(rows.shape[1])[:, 1:] - probabilities[..., None, 1:]  # (I, Q, K, K-1)
        above_mean = category - (probabilities @ category)[..., None]  # (I, Q, K)
        return np.concatenate([(above_mean * ability[None, :, None])[..., None], of_logits], axis=-1)

    def curvature(self, rows: Floats, ability: Floats, counts: Floats) -> Floats:
        probabilities = np.exp(self.log_probabilities(rows, ability))
        weights = counts.sum(-1, keepdims=True) * probabilities
        return -_weighted_squares(self.scores(rows, ability), weights)

    def ability_derivatives(self, rows: Floats, ability: Floats) -> tuple[Floats, Floats]:
        probabilities = np.exp(self.log_probabilities(rows, ability))
        category = np.arange(rows.shape[1])
        above_mean = category - (probabilities @ category)[..., None]
        variance = (probabilities * above_mean**2).sum(-1, keepdims=True)
        slope = rows[:, None, :1]
        return slope * above_mean, np.broadcast_to(-(slope**2) * variance, above_mean.shape)

    def start(self, shares: Floats) -> Floats:
        return np.concatenate([np.ones((len(shares), 1)), np.log(shares[:, 1:] / shares[:, :1])], axis=1)


class Sequential:
    """Tutz's sequential model: category k is reached by passing k steps, each tried after the one before."""

    name = "sequential"

    def log_probabilities(self, rows: Floats, ability: Floats) -> Floats:
        x = _predictors(rows, ability)
        passed = np.pad(log_expit(x).cumsum(-1), ((0, 0), (0, 0), (1, 0)))
        return passed + np.pad(log_expit(-x), ((0, 0), (0, 0), (0, 1)))

    def scores(self, rows: Floats, ability: Floats) -> Floats:
        passes = expit(_predictors(rows, ability))[:, :, None, :]  # (I, Q, 1, K-1)
        category, step = np.arange(rows.shape[1])[:, None], np.arange(1, rows.shape[1])
        of_x = np.where(step <= category, 1 - passes, np.where(step == category + 1, -passes, 0.0))
        return _with_slope(of_x, ability)

    def curvature(self, rows: Floats, ability: Floats, counts: Floats) -> Floats:
        passes = expit(_predictors(rows, ability))
        tried = counts[..., ::-1].cumsum(-1)[..., ::-1][..., :-1]  # (I, Q, K-1)
        return _curvature_of_diagonal(-tried * passes * (1 - passes), ability)

    def ability_derivatives(self, rows: Floats, ability: Floats) -> tuple[Floats, Floats]:
        passes = expit(_predictors(rows, ability))
        slope, ends = rows[:, None, :1], ((0, 0), (0, 0), (0, 1))
        spread = passes * (1 - passes)
        first = np.pad((1 - passes).cumsum(-1), ((0, 0), (0, 0), (1, 0))) - np.pad(passes, ends)
        second = np.pad(spread.cumsum(-1), ((0, 0), (0, 0), (1, 0))) + np.pad(spread, ends)
        return slope * first, -(slope**2) * second

    def start(self, shares: Floats) -> Floats:
        above = shares[:, ::-1].cumsum(1)[:, ::-1]
        return np.concatenate([np.ones((len(shares), 1)), logit(above[:, 1:] / above[:, :-1])], axis=1)


class Guessing:
    """Birnbaum's three-parameter model: P(Y = 0) = sigmoid(-x) (1 - g)."""

    name = "guessing"

    def log_probabilities(self, rows: Floats, ability: Floats) -> Floats:
        wrong = log_expit(-_predictors(rows[:, :2], ability)[..., 0]) + log_expit(-rows[:, 2:])  # (I, Q)
        return np.stack([wrong, np.log(-np.expm1(wrong))], axis=-1)

    def scores(self, rows: Floats, ability: Floats) -> Floats:
        of_x, of_guessing, odds_wrong = self._parts(rows, ability)
        of_wrong = np.stack([of_x * ability, of_x, of_guessing], axis=-1)  # (I, Q, 3)
        return np.stack([of_wrong, -odds_wrong[..., None] * of_wrong], axis=2)

    def curvature(self, rows: Floats, ability: Floats, counts: Floats) -> Floats:
        _, _, odds_wrong = self._parts(rows, ability)
        knows = expit(_predictors(rows[:, :2], ability))  # (I, Q, 1)
        guesses = expit(rows[:, 2:])  # (I, 1)
        scores = self.scores(rows, ability)
        # log P(1) = log(1 - P(0)), so its Hessian is -odds (H_0 + s_0 s_0') - s_1 s_1'.
        weight_wrong = counts[..., 0] - counts[..., 1] * odds_wrong  # (I, Q)
        hessian = np.zeros((len(rows), 3, 3))
        hessian[:, :2, :2] = _curvature_of_diagonal(-weight_wrong[..., None] * knows * (1 - knows), ability)
        hessian[:, 2, 2] = -(weight_wrong * guesses * (1 - guesses)).sum(1)
        squares = np.stack([counts[..., 1] * odds_wrong, counts[..., 1]], axis=-1)
        return hessian - _weighted_squares(scores, squares)

    def ability_derivatives(self, rows: Floats, ability: Floats) -> tuple[Floats, Floats]:
        of_x, _, odds_wrong = self._parts(rows, ability)
        slope = rows[:, :1]
        wrong, second_wrong = slope * of_x, slope**2 * of_x * (1 + of_x)
        right = -odds_wrong * wrong
        second_right = -odds_wrong * (second_wrong + wrong**2) - right**2
        return np.stack([wrong, right], axis=-1), np.stack([second_wrong, second_right], axis=-1)

    def start(self, shares: Floats) -> Floats:
        guess = np.minimum(0.15, shares[:, 1] / 2)
        known = (shares[:, 1] - guess) / (1 - guess)
        return np.stack([np.ones(len(shares)), logit(known), logit(guess)], axis=1)

    def _parts(self, rows: Floats, ability: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the derivative of log P(0) in x and in the logit of guessing, and P(0) / P(1); each (I, Q)."""
        wrong = self.log_probabilities(rows, ability)
        of_x = -expit(_predictors(rows[:, :2], ability)[..., 0])
        of_guessing = np.broadcast_to(-expit(rows[:, 2:]), of_x.shape)
        return of_x, of_guessing, np.exp(wrong[..., 0] - wrong[..., 1])


def _weighted_squares(scores: Floats, weights: Floats) -> Floats:
    """Return the sum of weights (I, Q, K) times s s' of scores (I, Q, K, M): (I, M, M)."""
    num_items, *_, width = scores.shape
    flat = scores.reshape(num_items, -1, width)
    weighted = flat * weights.reshape(num_items, -1, 1)
    return np.swapaxes(weighted, 1, 2) @ flat


GRADED, PARTIAL_CREDIT, SEQUENTIAL, GUESSING = Graded(), PartialCredit(), Sequential(), Guessing()
