"""Bounds of a mastery estimate: read off a table, linear in between."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.domain import MasteryIntervals


def table() -> MasteryIntervals:
    """Two rows (evidence 0-4, and 5 and more) over the estimates 0, 0.5 and 1."""
    return MasteryIntervals(
        level=0.9,
        evidence_from=np.array([0, 5]),
        grid=np.array([0.0, 0.5, 1.0]),
        low=np.array([[0.0, 0.1, 0.6], [0.0, 0.4, 0.9]]),
        high=np.array([[0.5, 0.9, 1.0], [0.1, 0.6, 1.0]]),
    )


def test_bounds_are_linear_between_grid_points() -> None:
    # Estimate 0.75 lies half way between the columns 0.5 and 1: (0.1 + 0.6) / 2 and (0.9 + 1.0) / 2.
    low, high = table().bounds([0.0, 0.5, 0.75, 1.0], [0, 0, 0, 0])
    np.testing.assert_allclose(low, [0.0, 0.1, 0.35, 0.6])
    np.testing.assert_allclose(high, [0.5, 0.9, 0.95, 1.0])


def test_evidence_chooses_the_row_it_has_reached() -> None:
    low, high = table().bounds([0.5] * 4, [0, 4, 5, 9000])
    np.testing.assert_allclose(low, [0.1, 0.1, 0.4, 0.4])
    np.testing.assert_allclose(high, [0.9, 0.9, 0.6, 0.6])


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.integers(0, 10**6),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_the_interval_always_holds_its_estimate(
    estimates: list[float], evidence: int, some: list[float], others: list[float]
) -> None:
    low_table, high_table = np.minimum(some, others), np.maximum(some, others)
    intervals = MasteryIntervals(
        level=0.9,
        evidence_from=np.array([0, 5]),
        grid=np.array([0.0, 0.5, 1.0]),
        low=low_table.reshape(2, 3),
        high=high_table.reshape(2, 3),
    )
    low, high = intervals.bounds(estimates, [evidence] * len(estimates))
    assert (low >= 0).all()
    assert (low <= estimates).all()
    assert (estimates <= high).all()
    assert (high <= 1 + 1e-12).all()


@given(st.floats(0, 1), st.integers(0, 10**6))
def test_one_estimate_has_the_bounds_that_many_have(estimate: float, evidence: int) -> None:
    low, high = table().bounds(estimate, evidence)
    np.testing.assert_allclose(table().bounds_of_one(estimate, evidence), (low[0], high[0]), atol=1e-12)
