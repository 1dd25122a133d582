"""Mastery intervals: a known precision is recovered from answers drawn with it, and truth lies inside."""

from dataclasses import replace

import numpy as np
import pytest

from knowtrace.registry import Run, StepGraphs
from knowtrace.sources import Dataset
from knowtrace.tracing import Tracer
from knowtrace.training import encode, recipe_of, split_of
from knowtrace.training.intervals import (
    EVIDENCE_FROM,
    Moment,
    agreement,
    collect_moments,
    fit_precisions,
    measure_intervals,
)
from training.histories import random_sequences


def drawn(
    precision: float, evidence: int, *, count: int, seed: int, item_spread: float = 0.0
) -> list[Moment]:
    """Return moments whose true success is Beta(p kappa, (1 - p) kappa) around the prediction p.

    `item_spread` moves the ten items of a moment apart, half of them up, half down; the prediction knows.
    """
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.35, 0.65, count)
    truth = rng.beta(p * precision, (1 - p) * precision)
    apart = item_spread * np.array([-1, 1] * 5) * np.minimum(truth, 1 - truth)[:, None]
    right = rng.random((count, 10)) < truth[:, None] + apart
    errors = right - (p[:, None] + item_spread * np.array([-1, 1] * 5) * np.minimum(p, 1 - p)[:, None])
    return [Moment(evidence, float(a), 10, agreement(e)) for a, e in zip(p, errors, strict=True)]


def test_agreement_is_the_mean_product_of_two_different_errors() -> None:
    errors = np.array([0.5, -0.2, 0.1])
    assert agreement(errors) == pytest.approx((0.5 * -0.2 + 0.5 * 0.1 - 0.2 * 0.1) / 3)


@pytest.mark.parametrize("item_spread", [0.0, 0.8])
@pytest.mark.parametrize("precision", [2.0, 6.0, 15.0])
def test_a_known_precision_is_recovered_within_20_percent(precision: float, item_spread: float) -> None:
    """Also where items differ much: their spread is neither chance nor doubt about the student."""
    found = fit_precisions(drawn(precision, 0, count=6000, seed=0, item_spread=item_spread))
    assert found[0] == pytest.approx(precision, rel=0.20)


def test_each_amount_of_evidence_has_its_own_precision() -> None:
    found = fit_precisions(drawn(4.0, 0, count=3000, seed=1) + drawn(12.0, 14, count=3000, seed=2))
    by_evidence = dict(zip(EVIDENCE_FROM, found, strict=True))
    assert by_evidence[0] == pytest.approx(4.0, rel=0.20)
    assert by_evidence[12] == pytest.approx(12.0, rel=0.20)
    # Rows nobody reached are no more certain than the nearest one with less evidence.
    assert by_evidence[8] == by_evidence[0]
    assert by_evidence[40] == by_evidence[12]


def test_more_evidence_never_widens_and_few_moments_decide_nothing_alone() -> None:
    found = fit_precisions(drawn(9.0, 0, count=2000, seed=1) + drawn(3.0, 14, count=2000, seed=2))
    assert len(set(found)) == 1
    found = fit_precisions(drawn(4.0, 0, count=3000, seed=3) + drawn(200.0, 40, count=100, seed=4))
    assert len(set(found)) == 1


def test_too_few_moments_give_the_whole_range(opened_run: Run) -> None:
    assert fit_precisions(drawn(4.0, 0, count=29, seed=3)) == [None] * len(EVIDENCE_FROM)
    width = opened_run.vocabulary.skills_per_item
    nobody = random_sequences([2, 2])
    nobody = replace(nobody, skills=nobody.skills[:, :width])
    intervals = measure_intervals(opened_run.steps(), opened_run.initial_state, nobody, num_categories=2)
    low, high = intervals.bounds([0.1, 0.5], [0, 50])
    assert (low.tolist(), high.tolist()) == ([0, 0], [1, 1])


class FakeSteps(StepGraphs):
    """Counts right answers, and expects success to be that count over ten."""

    def __init__(self) -> None:
        pass

    def observe(
        self, state: np.ndarray, item: int, skills: list[int], response: int, **_: float
    ) -> np.ndarray:
        return state + response

    def predict(self, state: np.ndarray, items: np.ndarray, skills: np.ndarray, **_: float) -> np.ndarray:
        right = np.full(len(items), state[0] / 10)
        return np.stack([1 - right, right], axis=1)


def test_moments_predict_the_next_answers_from_the_state_before_them() -> None:
    """One student, seven answers in skill 2, all right: five follow the answers 0, 1 and 2, then too few."""
    sequences = random_sequences([7])
    sequences.skills[:] = [2, 0]
    sequences.responses[:] = 1
    moments = collect_moments(FakeSteps(), np.zeros(1, np.float32), sequences, num_categories=2)
    assert [(m.evidence, m.num_answers) for m in moments] == [(0, 7), (1, 6), (2, 5)]
    assert [m.predicted for m in moments] == pytest.approx([0.0, 0.1, 0.2])
    assert [m.agreement for m in moments] == pytest.approx([1.0, 0.81, 0.64])


def measured_coverage(run: Run, dataset: Dataset, part: str) -> tuple[float, int]:
    """Return how often the interval shown before 5 to 10 answers in a skill holds their true mean success."""
    assert dataset.oracle is not None
    tracer = Tracer(run)
    inside: list[bool] = []
    for student_id in split_of(dataset, recipe_of(run)).part(part):
        history, truth = dataset.students[student_id], dataset.oracle[student_id][:, 1]
        state = tracer.start()
        for t, interaction in enumerate(history):
            for skill_id in interaction.skill_ids:
                following = [s for s in range(t, len(history)) if skill_id in history[s].skill_ids][:10]
                if len(following) >= 5:
                    (mastery,) = tracer.mastery(state, [skill_id])
                    inside.append(mastery.low <= truth[following].mean() <= mastery.high)
            state = tracer.observe(state, interaction)
    return float(np.mean(inside)), len(inside)


def test_truth_lies_in_the_shown_interval_about_as_often_as_said(
    opened_run: Run, small_dataset: Dataset
) -> None:
    """Simulated students of the test part; the interval says 90 %."""
    coverage, count = measured_coverage(opened_run, small_dataset, "test")
    assert count > 200
    assert 0.80 <= coverage <= 1.0


def test_intervals_of_a_run_come_from_its_validation_students(
    opened_run: Run, small_dataset: Dataset
) -> None:
    split = split_of(small_dataset, recipe_of(opened_run))
    valid = encode(small_dataset, split.valid, opened_run.vocabulary)
    again = measure_intervals(opened_run.steps(), opened_run.initial_state, valid, num_categories=2)
    np.testing.assert_allclose(again.low, opened_run.intervals.low, atol=1e-6)
    np.testing.assert_allclose(again.high, opened_run.intervals.high, atol=1e-6)
