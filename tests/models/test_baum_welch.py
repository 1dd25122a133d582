"""Baum-Welch against enumeration of all hidden paths, and against the parameters that drew the data."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from knowtrace.models import baum_welch
from knowtrace.models.baum_welch import Parameters, Runs, fit, make_runs

TRUE = {"prior": (0.3, 0.6), "learn": (0.15, 0.06), "guess": (0.2, 0.12), "slip": (0.08, 0.15)}


def simulated(
    num_students: int, num_answers: int, *, forget: float = 0.0, standing: float = 0.0, seed: int = 0
) -> tuple[Runs, NDArray[np.float64]]:
    """Return answers of students to two skills with the parameters TRUE, and their standings."""
    rng = np.random.default_rng(seed)
    students, skills, credits, standings = [], [], [], []
    for skill in range(2):
        prior, learn, guess, slip = (TRUE[name][skill] for name in ("prior", "learn", "guess", "slip"))
        above = rng.normal(size=num_students)
        logit = np.log(prior / (1 - prior)) + standing * above
        known = rng.random(num_students) < 1 / (1 + np.exp(-logit))
        for _ in range(num_answers):
            students.append(np.arange(num_students))
            skills.append(np.full(num_students, skill))
            credits.append((rng.random(num_students) < np.where(known, 1 - slip, guess)).astype(float))
            standings.append(above)
            change = rng.random(num_students)
            known = np.where(known, change >= forget, change < learn)
    flat = [np.concatenate(column) for column in (students, skills, credits, standings)]
    return make_runs(*flat), flat[3]


def test_runs_keep_each_students_answers_in_order() -> None:
    students = np.array([0, 0, 0, 1, 0, 1])
    skills = np.array([1, 2, 1, 1, 1, 1])
    credits = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    runs = make_runs(students, skills, credits, np.arange(6.0))
    # Student 0 in skill 1 (0.1, 0.3, 0.5), student 1 in skill 1 (0.4, 0.6), student 0 in skill 2 (0.2).
    assert runs.sizes.tolist() == [3, 2, 1]
    assert runs.credits.tolist() == [0.1, 0.4, 0.2, 0.3, 0.6, 0.5]
    assert runs.skills.tolist() == [1, 1, 2]
    assert runs.standings.tolist() == [0, 3, 1]


def test_expectations_equal_the_sum_over_all_hidden_paths() -> None:
    answers = [1.0, 0.0, 0.0, 1.0]
    parameters = Parameters(*(np.array([v]) for v in (np.log(0.4 / 0.6), 0.2, 0.1, 0.25, 0.15)))
    runs = make_runs(np.zeros(4, int), np.zeros(4, int), np.array(answers), np.zeros(4))
    found = baum_welch._expect(runs, np.zeros(1, int), parameters)
    total, known, learnt, forgot = 0.0, np.zeros(4), np.zeros(4), np.zeros(4)
    for path in itertools.product([0, 1], repeat=4):
        p = 0.4 if path[0] else 0.6
        for t, answer in enumerate(answers):
            right = 0.85 if path[t] else 0.25
            p *= right if answer else 1 - right
            if t < 3:
                to_known = 0.9 if path[t] else 0.2
                p *= to_known if path[t + 1] else 1 - to_known
        total += p
        for t in range(4):
            known[t] += p * path[t]
            if t < 3:
                learnt[t] += p * (path[t] == 0 and path[t + 1] == 1)
                forgot[t] += p * (path[t] == 1 and path[t + 1] == 0)
    assert found.log_likelihood[0] == pytest.approx(np.log(total))
    np.testing.assert_allclose(found.known, known / total)
    np.testing.assert_allclose(found.learnt, learnt / total)
    np.testing.assert_allclose(found.forgot, forgot / total)


def test_the_parameters_that_drew_the_data_are_recovered() -> None:
    runs, _ = simulated(4_000, 12)
    found = fit(runs, 2, forgetting=False, individual_priors=False, prior_answers=1.0, rounds=200)
    prior = 1 / (1 + np.exp(-found.prior_logit))
    for name, values in (
        ("prior", prior),
        ("learn", found.learn),
        ("guess", found.guess),
        ("slip", found.slip),
    ):
        np.testing.assert_allclose(values, TRUE[name], atol=0.03, err_msg=name)
    assert (found.forget == 0).all()


def test_forgetting_is_recovered() -> None:
    runs, _ = simulated(2_000, 20, forget=0.08)
    found = fit(runs, 2, forgetting=True, individual_priors=False, prior_answers=1.0, rounds=150)
    np.testing.assert_allclose(found.forget, [0.08, 0.08], atol=0.025)


def test_a_prior_that_grows_with_standing_is_recovered() -> None:
    runs, _ = simulated(4_000, 10, standing=1.0)
    found = fit(runs, 2, forgetting=False, individual_priors=True, prior_answers=1.0, rounds=200)
    assert found.standing == pytest.approx(1.0, abs=0.15)


def test_no_round_lowers_the_likelihood() -> None:
    runs, _ = simulated(100, 8)
    heights = []
    for rounds in (1, 2, 4, 8, 16):
        found = fit(runs, 2, forgetting=False, individual_priors=False, prior_answers=1e-3, rounds=rounds)
        heights.append(baum_welch._expect(runs, runs.skills, found).log_likelihood.sum())
    assert np.diff(heights).min() > -0.05


def test_a_skill_without_answers_has_the_parameters_of_all() -> None:
    runs, _ = simulated(500, 6)
    found = fit(runs, 3, forgetting=False, individual_priors=False, prior_answers=10.0, rounds=60)
    for name in ("learn", "guess", "slip"):
        low, high = sorted(getattr(found, name)[:2])
        assert low - 0.02 <= getattr(found, name)[2] <= high + 0.02


def test_guess_and_slip_stay_where_a_right_answer_speaks_for_knowing() -> None:
    rng = np.random.default_rng(1)
    students = np.repeat(np.arange(200), 6)
    # Everybody is right nine times in ten from the start: without bounds the best guess is 0.9.
    credits = (rng.random(1_200) < 0.9).astype(float)
    runs = make_runs(students, np.zeros(1_200, int), credits, np.zeros(1_200))
    found = fit(runs, 1, forgetting=False, individual_priors=False, prior_answers=1e-3, rounds=100)
    assert found.guess[0] <= 0.5 and found.slip[0] <= 0.5
