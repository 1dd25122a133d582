"""How good predictions are. Pure functions of probabilities (M, K), responses (M,) and optional weights (M,).

With K = 2 each is the textbook figure. With more categories AUC, Brier and ECE are means over the K-1 questions
"is the response at least k?", which is the textbook figure of each question; accuracy and NLL are by category.
Figures of hard predictions take the likeliest category, as accuracy does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ECE_BINS = 15
SMALLEST_PROBABILITY = 1e-7


AT_ONCE = 1_000_000
"""Answers that are ranked together where all are: a few dozen megabytes."""


def auc(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the chance that a higher response was predicted higher than a lower one; ties count half.

    A category boundary with answers on one side only has none and is left out; NaN where no boundary is left.
    Without weights it counts pairs, exactly, in about 20 bytes for each answer.
    """
    return _over_boundaries(_binary_auc, probabilities, responses, weights)


def accuracy(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the share of answers whose likeliest category came true."""
    return float(np.average(probabilities.argmax(1) == responses, weights=weights))


def nll(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the mean negative log probability of what happened, in nats."""
    happened = probabilities[np.arange(len(responses)), responses].clip(SMALLEST_PROBABILITY)
    return float(np.average(-np.log(happened), weights=weights))


def brier(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the mean squared error of probabilities (for K > 2 the ranked probability score per boundary)."""
    return _over_boundaries(
        lambda p, y, w: float(np.average((p - y) ** 2, weights=w)), probabilities, responses, weights
    )


def ece(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the expected calibration error over 15 equally wide bins of the predicted probability."""
    return _over_boundaries(_binary_ece, probabilities, responses, weights)


def qwk(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the quadratic weighted kappa of likeliest and true category (Cohen, 1968): 1 agrees, 0 is chance.

    NaN where all predictions and all answers are of one and the same category.
    """
    observed = _confusion(probabilities, responses, weights)
    categories = np.arange(len(observed))
    penalty = (categories[:, None] - categories[None, :]) ** 2
    by_chance = np.outer(observed.sum(1), observed.sum(0)) / observed.sum()
    expected = float((penalty * by_chance).sum())
    return 1 - float((penalty * observed).sum()) / expected if expected else float("nan")


def ordinal_accuracy(
    probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None
) -> float:
    """Return the share of answers whose likeliest category is at most one beside the true one."""
    return float(np.average(np.abs(probabilities.argmax(1) - responses) <= 1, weights=weights))


def mae(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the mean distance of the expected from the true category, in categories."""
    expected = probabilities @ np.arange(probabilities.shape[1])
    return float(np.average(np.abs(expected - responses), weights=weights))


def precision(
    probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None, *, category: int
) -> float:
    """Return how often a predicted category came true; NaN where it is never predicted."""
    observed = _confusion(probabilities, responses, weights)
    return _share(observed[category, category], observed[category].sum())


def recall(
    probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None = None, *, category: int
) -> float:
    """Return how often a category that came true was predicted; NaN where it never came true."""
    observed = _confusion(probabilities, responses, weights)
    return _share(observed[category, category], observed[:, category].sum())


METRICS: dict[str, Callable[..., float]] = {
    "auc": auc,
    "accuracy": accuracy,
    "nll": nll,
    "brier": brier,
    "ece": ece,
}


def metrics_for(num_categories: int) -> dict[str, Callable[..., float]]:
    """Return the metrics of answers in so many categories: for more than two, the graded ones too."""
    if num_categories == 2:
        return METRICS
    per_category = {
        f"{name}_{category}": partial(metric, category=category)
        for name, metric in (("precision", precision), ("recall", recall))
        for category in range(num_categories)
    }
    return {**METRICS, "qwk": qwk, "ordinal_accuracy": ordinal_accuracy, "mae": mae, **per_category}


def _confusion(probabilities: Floats, responses: NDArray[np.int64], weights: Floats | None) -> Floats:
    """Return the weight of answers (K, K) by likeliest (row) and true category (column)."""
    num_categories = probabilities.shape[1]
    cells = probabilities.argmax(1) * num_categories + responses
    counted = np.bincount(cells, weights, num_categories**2).astype(np.float64)
    return counted.reshape(num_categories, num_categories)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of about one size: their mean, the mean of what came, and how many they are."""

    predicted: float
    came: float
    count: int


def reliability(predicted: Floats, came: Floats) -> list[ReliabilityBin]:
    """Return predicted and actual means, both (M,) in [0, 1], over the bins of `ece` that hold anything."""
    bins = np.minimum((predicted * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    counts = np.bincount(bins, minlength=ECE_BINS)
    sums = [np.bincount(bins, values, ECE_BINS) for values in (predicted, came)]
    return [
        ReliabilityBin(float(sums[0][b] / counts[b]), float(sums[1][b] / counts[b]), int(counts[b]))
        for b in np.flatnonzero(counts)
    ]


def _over_boundaries(
    metric: Callable[[Floats, Flags, Floats | None], float],
    probabilities: Floats,
    responses: NDArray[np.int64],
    weights: Floats | None,
) -> float:
    values: list[float] = []
    at_least = np.zeros(len(responses))
    for k in range(probabilities.shape[1] - 1, 0, -1):
        at_least += probabilities[:, k]
        values.append(metric(at_least, responses >= k, weights))
    defined = [value for value in reversed(values) if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _binary_auc(p: Floats, y: Flags, weights: Floats | None) -> float:
    if weights is None:
        return _share_in_order(p[y], p[~y])
    order = np.argsort(p, kind="stable")
    p, positive, negative = p[order], (weights * y)[order], (weights * ~y)[order]
    firsts = np.flatnonzero(np.concatenate([[True], p[1:] != p[:-1]]))
    positive, negative = np.add.reduceat(positive, firsts), np.add.reduceat(negative, firsts)
    total = positive.sum() * negative.sum()
    if total == 0:
        return float("nan")
    below = negative.cumsum() - negative / 2
    return float((positive * below).sum() / total)


def _share_in_order(positive: Floats, negative: Floats) -> float:
    """Return how many pairs of a positive (P,) and a negative (N,) are in order, ties counted half; sorts both."""
    if not len(positive) or not len(negative):
        return float("nan")
    positive.sort()
    negative.sort()
    # Twice the pairs in order: those strictly below, and once more with those that tie.
    doubled = sum(
        int(np.searchsorted(negative, positive[first : first + AT_ONCE], side=side).sum())
        for first in range(0, len(positive), AT_ONCE)
        for side in ("left", "right")
    )
    return doubled / (2 * len(positive) * len(negative))


def _binary_ece(p: Floats, y: Flags, weights: Floats | None) -> float:
    bins = np.minimum((p * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gaps = p - y
    gap = np.bincount(bins, gaps if weights is None else weights * gaps, ECE_BINS)
    return float(np.abs(gap).sum() / (len(p) if weights is None else weights.sum()))
