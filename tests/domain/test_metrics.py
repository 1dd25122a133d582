"""Metrics against figures worked out by hand and against counting every pair."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowtrace.domain import metrics


def binary(right: list[float]) -> NDArray[np.float64]:
    return np.stack([1 - np.array(right), np.array(right)], axis=1)


def auc_by_pairs(p: list[float], y: list[int], w: list[float]) -> float:
    """Return the weighted share of (right, wrong) pairs in order, ties counted half."""
    won = total = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if y[i] > y[j]:
                total += w[i] * w[j]
                won += w[i] * w[j] * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
    return won / total if total else math.nan


answers = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.3, 0.5, 0.9, 1.0]), st.integers(0, 1), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


@given(answers)
def test_auc_is_the_share_of_ordered_pairs(answers: list[tuple[float, int, int]]) -> None:
    p, y, w = (list(column) for column in zip(*answers, strict=True))
    found = metrics.auc(binary(p), np.array(y), np.array(w, dtype=float))
    assert found == pytest.approx(auc_by_pairs(p, y, w), nan_ok=True)


@given(answers)
def test_auc_without_weights_is_that_of_equal_weights(answers: list[tuple[float, int, int]]) -> None:
    p, y, _ = (list(column) for column in zip(*answers, strict=True))
    weighted = metrics.auc(binary(p), np.array(y), np.ones(len(y)))
    assert metrics.auc(binary(p), np.array(y)) == pytest.approx(weighted, nan_ok=True)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_a_metric_holds_at_most_26_bytes_for_an_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the probabilities: of 20 million validation answers half a gigabyte. Pairs are counted in parts here."""
    monkeypatch.setattr(metrics, "AT_ONCE", 10_000)
    rng = np.random.default_rng(0)
    probabilities = binary(rng.random(200_000).tolist())
    responses = rng.integers(0, 2, len(probabilities))
    tracemalloc.start()
    metrics.METRICS[name](probabilities, responses)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / len(responses) < 26


def test_auc_by_hand() -> None:
    # Right at 0.9 and 0.4, wrong at 0.4 and 0.1: of four pairs three are in order, one is a tie.
    assert metrics.auc(binary([0.9, 0.4, 0.4, 0.1]), np.array([1, 1, 0, 0])) == 3.5 / 4
    assert math.isnan(metrics.auc(binary([0.9, 0.4]), np.array([1, 1])))


def test_graded_auc_is_the_mean_over_the_questions_at_least_k() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 40).round(2)
    responses = np.concatenate([[0, 1, 2, 3], rng.integers(0, 4, 36)])
    weights = rng.integers(0, 3, 40).astype(float)
    expected = np.mean(
        [
            auc_by_pairs(
                probabilities[:, ::-1].cumsum(1)[:, 3 - k].tolist(),
                (responses >= k).astype(int).tolist(),
                weights.tolist(),
            )
            for k in (1, 2, 3)
        ]
    )
    assert metrics.auc(probabilities, responses, weights) == pytest.approx(expected)


def test_accuracy_nll_and_brier_by_hand() -> None:
    p, y = binary([0.8, 0.6, 0.3]), np.array([1, 0, 0])
    assert metrics.accuracy(p, y) == pytest.approx(2 / 3)
    assert metrics.nll(p, y) == pytest.approx(-(math.log(0.8) + math.log(0.4) + math.log(0.7)) / 3)
    assert metrics.brier(p, y) == pytest.approx((0.04 + 0.36 + 0.09) / 3)
    w = np.array([2.0, 1.0, 0.0])
    assert metrics.accuracy(p, y, w) == pytest.approx(2 / 3)
    assert metrics.nll(p, y, w) == pytest.approx(-(2 * math.log(0.8) + math.log(0.4)) / 3)
    assert metrics.brier(p, y, w) == pytest.approx((0.08 + 0.36) / 3)


def test_ece_by_hand() -> None:
    """Fifteen bins: 0.70 and 0.72 share bin 10, right once; 0.05 is alone; 1.0 falls in the last."""
    p, y = binary([0.70, 0.72, 0.05, 1.0]), np.array([1, 0, 0, 1])
    gap_of_bin_10 = abs(0.70 + 0.72 - 1)
    assert metrics.ece(p, y) == pytest.approx((gap_of_bin_10 + 0.05 + 0) / 4)
    assert metrics.ece(p, y, np.array([1.0, 0, 1, 0])) == pytest.approx((0.30 + 0.05) / 2)


def test_graded_brier_and_ece_by_hand() -> None:
    """Category 1 under (0.2, 0.3, 0.5): at least 1 with 0.8 (true), at least 2 with 0.5 (false)."""
    p, y = np.array([[0.2, 0.3, 0.5]]), np.array([1])
    assert metrics.brier(p, y) == pytest.approx((0.2**2 + 0.5**2) / 2)
    assert metrics.ece(p, y) == pytest.approx((0.2 + 0.5) / 2)
    assert metrics.accuracy(p, y) == 0.0
    assert metrics.nll(p, y) == pytest.approx(-math.log(0.3))


def test_a_category_given_no_chance_costs_much_but_not_infinity() -> None:
    assert metrics.nll(binary([0.0]), np.array([1])) == pytest.approx(-math.log(1e-7))


def test_a_category_that_nobody_gave_leaves_the_other_questions() -> None:
    """Responses 0 and 1 of three categories: "at least 2" has no answer, "at least 1" is ordered rightly."""
    probabilities = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1]])
    assert metrics.auc(probabilities, np.array([0, 1])) == 1.0
    assert math.isnan(metrics.auc(probabilities, np.array([0, 0])))


GRADED = np.eye(3)[[0, 1, 2, 2, 0]]
TRUE = np.array([0, 1, 1, 2, 2])
"""Likeliest 0 1 2 2 0 against true 0 1 1 2 2: three agree, one is one beside, one is two beside."""


def test_quadratic_weighted_kappa_by_hand() -> None:
    """Penalties 1 and 4 of five; by chance rows (2, 1, 2) meet columns (1, 2, 2): (4 + 4*4 + 1 + 2 + 4*2 + 4) / 5."""
    # Row 0: 2*2*1 + 2*2*4 = 20; row 1: 1*1*1 + 1*2*1 = 3; row 2: 2*1*4 + 2*2*1 = 12; divided by 5 answers.
    assert metrics.qwk(GRADED, TRUE) == pytest.approx(1 - 5 / ((20 + 3 + 12) / 5))
    assert metrics.qwk(GRADED, GRADED.argmax(1)) == 1.0
    assert math.isnan(metrics.qwk(GRADED[:1], TRUE[:1]))
    # Without the last answer: one penalty of 1; rows (1, 1, 2) meet columns (1, 2, 1): (2 + 4 + 1 + 1 + 8 + 4) / 4.
    weights = np.array([1.0, 1, 1, 1, 0])
    assert metrics.qwk(GRADED, TRUE, weights) == pytest.approx(1 - 1 / (20 / 4))
    assert metrics.qwk(GRADED, TRUE, weights) == pytest.approx(metrics.qwk(GRADED[:4], TRUE[:4]))


def test_ordinal_accuracy_and_mae_by_hand() -> None:
    assert metrics.ordinal_accuracy(GRADED, TRUE) == pytest.approx(4 / 5)
    assert metrics.mae(GRADED, TRUE) == pytest.approx((1 + 2) / 5)
    # (0.2, 0.3, 0.5) expects category 1.3.
    assert metrics.mae(np.array([[0.2, 0.3, 0.5]]), np.array([1])) == pytest.approx(0.3)
    assert metrics.ordinal_accuracy(GRADED, TRUE, np.array([0.0, 0, 0, 1, 3])) == pytest.approx(1 / 4)


def test_precision_and_recall_per_category_by_hand() -> None:
    precision = [metrics.precision(GRADED, TRUE, category=k) for k in range(3)]
    recall = [metrics.recall(GRADED, TRUE, category=k) for k in range(3)]
    assert precision == pytest.approx([1 / 2, 1, 1 / 2])
    assert recall == pytest.approx([1, 1 / 2, 1 / 2])
    assert math.isnan(metrics.precision(GRADED[:1], TRUE[:1], category=2))
    assert math.isnan(metrics.recall(GRADED[:1], TRUE[:1], category=2))
    assert metrics.recall(GRADED, TRUE, np.array([1.0, 1, 3, 1, 1]), category=1) == pytest.approx(1 / 4)


def test_graded_answers_get_graded_metrics_and_binary_ones_do_not() -> None:
    assert list(metrics.metrics_for(2)) == ["auc", "accuracy", "nll", "brier", "ece"]
    graded = metrics.metrics_for(3)
    assert {"qwk", "ordinal_accuracy", "mae", "precision_0", "recall_2"} < set(graded)
    assert graded["recall_1"](GRADED, TRUE, None) == pytest.approx(1 / 2)
