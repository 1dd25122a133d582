"""Odds ratios over strata and false discoveries, against published figures."""

import numpy as np
import pytest

from knowtrace.catalogue.association import (
    LogOdds,
    discoverable_at,
    empirical_null,
    mantel_haenszel,
    upper_tail,
)

BERKELEY = np.array(
    [
        [[512, 89], [313, 19]],
        [[353, 17], [207, 8]],
        [[120, 202], [205, 391]],
        [[138, 131], [279, 244]],
        [[53, 94], [138, 299]],
        [[22, 24], [351, 317]],
    ]
)
"""Admitted or not, by sex, in six departments (Bickel, Hammel and O'Connell, Science 187, 1975)."""


def test_mantel_haenszel_agrees_with_r_on_the_berkeley_admissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """R's `mantelhaen.test(UCBAdmissions)`: common odds ratio 0.9046968, 95 % interval 0.7719074 to 1.0603298."""
    with_prior = np.exp(mantel_haenszel(BERKELEY[None]).value[0])
    monkeypatch.setattr("knowtrace.catalogue.association.PRIOR", 0.0)
    odds = mantel_haenszel(BERKELEY[None])
    ratios = [np.exp(odds.value[0] + z * odds.error[0]) for z in (0, -1.959964, 1.959964)]
    assert ratios == pytest.approx([0.9046968, 0.7719074, 1.0603298], abs=1e-6)
    assert with_prior == pytest.approx(ratios[0], abs=1e-3)


def test_empty_cells_and_empty_strata_give_finite_odds() -> None:
    odds = mantel_haenszel(
        np.array([[[[20, 0], [0, 30]], [[0, 0], [0, 0]]], [[[5, 5], [5, 5]], [[0, 0], [0, 0]]]])
    )
    assert np.isfinite(odds.value).all()
    assert np.isfinite(odds.error).all()
    assert odds.value[0] > 6
    assert odds.value[1] == pytest.approx(0)


def test_benjamini_and_hochberg_reject_four_of_their_own_fifteen() -> None:
    """The example of section 3.2 of their paper of 1995: at a rate of 0.05 the four smallest are rejected."""
    smaller = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p_values = np.array([*smaller, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000])
    shuffled = np.random.default_rng(1).permutation(15)
    rates = discoverable_at(p_values[shuffled])
    assert sorted(p_values[shuffled][rates <= 0.05]) == [0.0001, 0.0004, 0.0019, 0.0095]
    assert discoverable_at(p_values)[0] == pytest.approx(0.0001 * 15)
    assert discoverable_at(np.zeros(0)).shape == (0,)


def test_the_null_is_that_of_the_bulk_and_a_few_large_values_do_not_move_it() -> None:
    random = np.random.default_rng(2)
    error = random.uniform(0.1, 0.4, 2000)
    value = 0.3 + random.normal(0, np.sqrt(error**2 + 0.2**2))
    value[:100] += 3
    null = empirical_null(LogOdds(value=value, error=error))
    assert null.centre == pytest.approx(0.3, abs=0.05)
    assert null.spread == pytest.approx(0.2, abs=0.05)


def test_a_null_that_sampling_explains_has_no_spread() -> None:
    value = np.array([-0.1, 0.0, 0.1, 0.05, -0.05])
    assert empirical_null(LogOdds(value=value, error=np.full(5, 0.5))).spread == 0


def test_upper_tail_of_the_normal() -> None:
    assert upper_tail(np.array([0.0, 1.6448536269514722, -1.959963984540054])) == pytest.approx(
        [0.5, 0.05, 0.975]
    )
