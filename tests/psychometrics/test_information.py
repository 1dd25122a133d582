"""Information, reliability and expected frequencies."""

from itertools import product

import numpy as np
import pytest

from knowtrace.psychometrics import (
    Scores,
    empirical_reliability,
    expected_frequencies,
    item_information,
    normal_grid,
    test_information,
)

from .test_scores import MIXED

# pytest would collect it by its name.
information_of_test = test_information
del test_information


def test_information_of_a_binary_item_is_slope_squared_times_pq() -> None:
    """Birnbaum (1968): a^2 P Q for 2PL; for 3PL a^2 (Q / P) ((P - g) / (1 - g))^2."""
    ability = np.array([-1.0, 0.0, 2.0])
    found = item_information(MIXED, ability)
    right = MIXED.probabilities(ability)[..., 1]
    np.testing.assert_allclose(found[3], 0.81 * right[3] * (1 - right[3]))
    known = (right[2] - 0.2) / 0.8
    np.testing.assert_allclose(found[2], 1.5**2 * (1 - right[2]) / right[2] * known**2)
    np.testing.assert_allclose(information_of_test(MIXED, ability), found.sum(0))


def test_reliability_is_the_share_of_real_variance() -> None:
    scores = Scores(np.array([-1.0, 1.0]), np.array([0.5, 0.5]))
    assert empirical_reliability(scores) == pytest.approx(2 / 2.25)
    assert empirical_reliability(scores, [3, 1]) == pytest.approx(1 / 1.25)
    assert np.isnan(empirical_reliability(Scores(np.zeros(1), np.ones(1))))


def test_expected_frequencies_of_all_patterns_are_all_students() -> None:
    patterns = np.array(list(product(range(3), range(3), range(2), range(2))), dtype=np.int16)
    assert expected_frequencies(MIXED, patterns, 250).sum() == pytest.approx(250)


def test_the_grid_has_the_moments_of_the_normal_distribution() -> None:
    grid = normal_grid()
    weights = np.exp(grid.log_weights)
    moments = [float(weights @ grid.points**n) for n in range(5)]
    assert moments == pytest.approx([1, 0, 1, 0, 3], abs=1e-10)
    with pytest.raises(ValueError, match="num_points"):
        normal_grid(2)
