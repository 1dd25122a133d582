"""Intervals by resampling students: answers of one student hang together, students do not."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with the bounds of its 95 % bootstrap interval over students."""

    value: float
    low: float
    high: float


def bootstrap(
    metrics: dict[str, Callable[..., float]],
    probabilities: NDArray[np.float64],
    responses: NDArray[np.int64],
    students: NDArray[np.int64],
    *,
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Return each metric of probabilities (M, K) and responses (M,) with its interval.

    `students` (M,) holds the number of the student behind each answer; students without an answer are not drawn.
    All metrics see the same resamples. A metric that no resample defines has the bounds NaN.
    """
    students = np.unique(students, return_inverse=True)[1]
    # Sorted once, the sorts inside every resample find their input in order.
    order = np.argsort(probabilities[:, -1], kind="stable")
    probabilities, responses, students = probabilities[order], responses[order], students[order]
    num_students = int(students.max()) + 1
    draws: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(resamples):
        times_drawn = np.bincount(rng.integers(num_students, size=num_students), minlength=num_students)
        weights = times_drawn[students].astype(np.float64)
        for name, metric in metrics.items():
            draws[name].append(metric(probabilities, responses, weights))
    tail = 50 * (1 - LEVEL)
    return {
        name: Estimate(
            value=metric(probabilities, responses),
            low=_percentile(draws[name], tail),
            high=_percentile(draws[name], 100 - tail),
        )
        for name, metric in metrics.items()
    }


def _percentile(draws: list[float], percent: float) -> float:
    defined = [draw for draw in draws if not math.isnan(draw)]
    return float(np.percentile(defined, percent)) if defined else math.nan
