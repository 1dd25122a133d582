"""Abilities: posterior means and modes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowtrace.psychometrics import ItemParameters, normal_grid, score

MIXED = ItemParameters(
    items=("graded", "partial", "guessed", "binary"),
    kinds=("graded", "partial-credit", "guessing", "partial-credit"),
    slope=np.array([1.2, 0.8, 1.5, -0.9]),
    intercepts=np.array([[1.0, -1.0], [0.5, -0.2], [0.1, np.nan], [0.4, np.nan]]),
    guessing=np.array([0.0, 0.0, 0.2, 0.0]),
)

patterns = st.tuples(st.integers(-1, 2), st.integers(-1, 2), st.integers(-1, 1), st.integers(-1, 1))


@given(pattern=patterns)
@settings(max_examples=60)
def test_scores_lie_inside_the_grid_and_modes_are_modes(pattern: tuple[int, ...]) -> None:
    responses = np.array([pattern], dtype=np.int16)
    mean, mode = score(MIXED, responses), score(MIXED, responses, method="map")
    assert -8 < mean.ability[0] < 8
    assert 0 < mean.standard_error[0] <= 1.2
    fine = np.linspace(-4, 4, 8001)
    table = MIXED.log_probabilities(fine)
    log_posterior = -(fine**2) / 2 + sum(table[i, :, k] for i, k in enumerate(pattern) if k >= 0)
    assert mode.ability[0] == pytest.approx(fine[log_posterior.argmax()], abs=1e-3)


def test_without_answers_the_prior_is_the_score() -> None:
    nothing = np.full((1, 4), -1, dtype=np.int16)
    for method in ("eap", "map"):
        found = score(MIXED, nothing, method=method)
        assert found.ability[0] == pytest.approx(0, abs=1e-12)
        assert found.standard_error[0] == pytest.approx(1, abs=1e-9)


def test_a_live_posterior_is_the_same_as_scoring_at_once() -> None:
    """A student's state can be the log posterior over the grid: an answer adds a row of one table."""
    grid = normal_grid()
    table = MIXED.log_probabilities(grid.points)
    state = grid.log_weights.copy()
    for item, response in ((2, 1), (0, 2), (3, 0)):
        state += table[item, :, response]
    weights = np.exp(state - state.max())
    expected = score(MIXED, np.array([[2, -1, 1, 0]], dtype=np.int16)).ability[0]
    assert weights @ grid.points / weights.sum() == pytest.approx(expected, abs=1e-12)


def test_responses_must_fit_the_items() -> None:
    with pytest.raises(ValueError, match=r"must have 4 columns"):
        score(MIXED, np.zeros((1, 3), dtype=np.int16))
    with pytest.raises(ValueError, match="a category that the item has"):
        score(MIXED, np.array([[0, 0, 2, 0]], dtype=np.int16))
