"""Response curves: probabilities, their derivatives, and where the families are one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowtrace.psychometrics.families import GRADED, GUESSING, PARTIAL_CREDIT, SEQUENTIAL, Family

ALL = pytest.mark.parametrize(
    "family", [GRADED, PARTIAL_CREDIT, SEQUENTIAL, GUESSING], ids=lambda family: family.name
)
ABILITY = np.array([-3.0, -0.4, 0.0, 1.1, 2.5])


def rows_of(family: Family) -> np.ndarray:
    if family is GUESSING:
        return np.array([[1.3, -0.4, -1.2], [0.7, 1.5, -2.0], [-0.5, 0.2, 0.3]])
    return np.array([[1.3, 1.7, 0.1, -0.9], [0.6, 2.5, 2.2, -3.0], [-0.8, 0.9, 0.0, -0.2]])


def numeric(call, rows: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Return central differences of call(rows) in each parameter, last axis."""
    moved = []
    for m in range(rows.shape[1]):
        shift = np.zeros_like(rows)
        shift[:, m] = step
        moved.append((call(rows + shift) - call(rows - shift)) / (2 * step))
    return np.stack(moved, axis=-1)


@ALL
def test_scores_are_the_derivatives_of_log_probabilities(family: Family) -> None:
    rows = rows_of(family)
    expected = numeric(lambda r: family.log_probabilities(r, ABILITY), rows)
    np.testing.assert_allclose(family.scores(rows, ABILITY), expected, atol=1e-7)


@ALL
def test_curvature_is_the_derivative_of_the_weighted_scores(family: Family) -> None:
    rows = rows_of(family)
    counts = np.random.default_rng(0).uniform(0.5, 9, family.log_probabilities(rows, ABILITY).shape)
    expected = numeric(lambda r: np.einsum("iqk,iqkm->im", counts, family.scores(r, ABILITY)), rows)
    np.testing.assert_allclose(family.curvature(rows, ABILITY, counts), expected, rtol=1e-6, atol=1e-6)


@ALL
def test_ability_derivatives(family: Family) -> None:
    rows, step = rows_of(family), 1e-5
    first, second = family.ability_derivatives(rows, ABILITY)
    low, here, high = (family.log_probabilities(rows, ABILITY + shift) for shift in (-step, 0, step))
    np.testing.assert_allclose(first, (high - low) / (2 * step), atol=1e-8)
    np.testing.assert_allclose(second, (high - 2 * here + low) / step**2, atol=1e-4)


slopes = st.floats(-4, 4)
intercepts = st.lists(st.floats(-6, 6), min_size=1, max_size=6)
abilities = st.lists(st.floats(-8, 8), min_size=1, max_size=5).map(np.array)


@ALL
@given(slope=slopes, given_intercepts=intercepts, ability=abilities, guess=st.floats(-6, 2))
def test_probabilities_sum_to_one_and_information_is_not_negative(
    family: Family, slope: float, given_intercepts: list[float], ability: np.ndarray, guess: float
) -> None:
    distinct = sorted({round(d, 2) for d in given_intercepts}, reverse=True)
    rows = np.array([[slope, distinct[0], guess] if family is GUESSING else [slope, *distinct]])
    probabilities = np.exp(family.log_probabilities(rows, ability))
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-12)
    first, second = family.ability_derivatives(rows, ability)
    information = (probabilities * first**2).sum(-1)
    assert (information >= 0).all()
    # The information is also minus the expected second derivative: two formulas, one value.
    np.testing.assert_allclose(information, -(probabilities * second).sum(-1), atol=1e-9)


@given(slope=slopes, intercept=st.floats(-6, 6), ability=abilities)
def test_with_two_categories_three_families_are_the_logistic_model(
    slope: float, intercept: float, ability: np.ndarray
) -> None:
    rows = np.array([[slope, intercept]])
    logistic = 1 / (1 + np.exp(-(slope * ability + intercept)))
    for family in (GRADED, PARTIAL_CREDIT, SEQUENTIAL):
        np.testing.assert_allclose(
            np.exp(family.log_probabilities(rows, ability))[0, :, 1], logistic, rtol=1e-10
        )


def test_graded_probabilities_are_differences_of_sigmoids() -> None:
    """Samejima (1969): P(Y = k) = P(Y >= k) - P(Y >= k + 1)."""
    above = 1 / (1 + np.exp(-(1.3 * ABILITY[:, None] + np.array([1.7, 0.1, -0.9]))))
    expected = -np.diff(np.pad(above, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0))), axis=1)
    found = np.exp(GRADED.log_probabilities(np.array([[1.3, 1.7, 0.1, -0.9]]), ABILITY))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_unordered_graded_intercepts_have_no_probability() -> None:
    assert np.isnan(GRADED.log_probabilities(np.array([[1.0, -1.0, 1.0]]), ABILITY)).any()


def test_far_apart_graded_intercepts_do_not_overflow() -> None:
    """Warnings are errors here; a gap of 800 logits once overflowed."""
    rows = np.array([[1.0, 400.0, -400.0]])
    assert np.isfinite(GRADED.scores(rows, ABILITY)).all()
    assert np.isfinite(GRADED.curvature(rows, ABILITY, np.ones((1, len(ABILITY), 3)))).all()
