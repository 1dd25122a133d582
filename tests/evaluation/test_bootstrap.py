"""Intervals by resampling students."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from knowtrace.domain.metrics import METRICS
from knowtrace.evaluation import Estimate, bootstrap

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def answers(num_students: int, *, seed: int = 0) -> tuple[Floats, Integers, Integers]:
    """Return 20 answers per student, whose predictions are as good for each."""
    rng = np.random.default_rng(seed)
    students = np.repeat(np.arange(num_students), 20)
    p = rng.uniform(0.1, 0.9, len(students))
    return np.stack([1 - p, p], axis=1), (rng.random(len(p)) < p).astype(np.int64), students


def estimates(num_students: int, *, seed: int = 1, resamples: int = 200) -> dict[str, Estimate]:
    return bootstrap(METRICS, *answers(num_students), resamples=resamples, rng=np.random.default_rng(seed))


def test_each_interval_holds_its_value_and_the_value_is_that_of_all_answers() -> None:
    found = estimates(40)
    p, y, _ = answers(40)
    for name, metric in METRICS.items():
        assert found[name].value == pytest.approx(metric(p, y))
        if name != "ece":  # a resample can only add to the calibration error, so its interval may lie above
            assert found[name].low <= found[name].value <= found[name].high


def test_intervals_narrow_with_more_students() -> None:
    few, many = estimates(20)["auc"], estimates(320)["auc"]
    # Sixteen times the students: a quarter of the width, within the noise of 200 resamples.
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(1 / 4, rel=0.5)


def test_the_same_seed_gives_the_same_intervals() -> None:
    assert estimates(20) == estimates(20)
    assert estimates(20, seed=2)["auc"] != estimates(20)["auc"]


def test_students_are_drawn_not_answers() -> None:
    """Two students, one always predicted right and one always wrong: resamples give 0, 1/2 and 1."""
    p = np.repeat([[0.1, 0.9], [0.9, 0.1]], 50, axis=0)
    found = bootstrap(
        {"accuracy": METRICS["accuracy"]},
        p,
        np.ones(100, dtype=np.int64),
        np.repeat([0, 1], 50),
        resamples=100,
        rng=np.random.default_rng(0),
    )
    assert found["accuracy"] == Estimate(0.5, 0.0, 1.0)


def test_numbers_of_students_without_answers_are_not_drawn() -> None:
    """Student 9 is the only one here: every resample is this student, so nothing varies."""
    p, y, _ = answers(1)
    found = bootstrap(METRICS, p, y, np.full(20, 9), resamples=20, rng=np.random.default_rng(0))
    assert found["nll"].low == pytest.approx(found["nll"].high) == pytest.approx(found["nll"].value)


def test_a_metric_that_is_not_defined_has_no_bounds() -> None:
    p, _, students = answers(5)
    y = np.ones(len(p), dtype=np.int64)
    found = bootstrap({"auc": METRICS["auc"]}, p, y, students, resamples=10, rng=np.random.default_rng(0))[
        "auc"
    ]
    assert all(math.isnan(figure) for figure in (found.value, found.low, found.high))
