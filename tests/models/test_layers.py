"""The blocks of the models against loops and figures worked out by hand."""

import itertools
import math

import pytest
import torch

from knowtrace.domain import PADDING
from knowtrace.models.layers import (
    Dropout,
    category_logits,
    distinct,
    expected_score,
    mean_over_skills,
    mean_skill_vector,
    response_credit,
    shift_right,
    slots_of,
    thresholds_from_counts,
    without_repeats,
)


def muraki(score: float, thresholds: list[float]) -> list[float]:
    """P(k) is proportional to exp(sum of score - b_j over j <= k), the empty sum being 0 (Muraki, 1992)."""
    weights = []
    for k in range(len(thresholds) + 1):
        exponent = 0.0
        for j in range(k):
            exponent += score - thresholds[j]
        weights.append(math.exp(exponent))
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize("num_categories", [2, 3, 4, 5])
def test_category_logits_are_the_partial_credit_model(num_categories: int) -> None:
    rng = torch.Generator().manual_seed(num_categories)
    scores = torch.randn(7, generator=rng, dtype=torch.float64) * 2
    thresholds = torch.randn(7, num_categories - 1, generator=rng, dtype=torch.float64)
    expected = torch.tensor(
        [muraki(float(s), t.tolist()) for s, t in zip(scores, thresholds, strict=True)], dtype=torch.float64
    )
    torch.testing.assert_close(category_logits(scores, thresholds).softmax(-1), expected)


def test_with_two_categories_they_are_the_logistic_model() -> None:
    score, threshold = torch.tensor([1.3]), torch.tensor([[0.4]])
    right = category_logits(score, threshold).softmax(-1)[0, 1]
    assert float(right) == pytest.approx(1 / (1 + math.exp(-0.9)))


def test_thresholds_of_binary_counts() -> None:
    """Rows: padding, an item answered 6 wrong 2 right, one answered 0 and 0.

    All answers: 6 wrong, 2 right; smoothed shares (6 + 1) / (8 + 2) = 0.7 and 0.3. With a prior of 5 answers
    the item has 6 + 3.5 wrong and 2 + 1.5 right; the unanswered one 3.5 and 1.5. The threshold is
    log(wrong / right).
    """
    counts = torch.tensor([[0.0, 0], [6, 2], [0, 0]])
    found = thresholds_from_counts(counts, prior_answers=5.0)
    assert found[1, 0].item() == pytest.approx(math.log(9.5 / 3.5), abs=1e-6)
    assert found[2, 0].item() == pytest.approx(math.log(3.5 / 1.5), abs=1e-6)


def test_thresholds_of_graded_counts() -> None:
    """One item, counts 4, 1, 3: smoothed shares 5/11, 2/11, 4/11; with a prior of 11 answers 9, 3, 7."""
    found = thresholds_from_counts(torch.tensor([[4.0, 1, 3]]), prior_answers=11.0)
    assert found[0].tolist() == pytest.approx([math.log(9 / 3), math.log(3 / 7)], abs=1e-6)


def test_shift_right_delays_by_one_step() -> None:
    x = torch.arange(1, 7).view(1, 3, 2)
    assert shift_right(x).tolist() == [[[0, 0], [1, 2], [3, 4]]]
    assert shift_right(x[:, :1]).tolist() == [[[0, 0]]]


def test_mean_skill_vector_is_the_mean_of_the_skills_that_are_there() -> None:
    rng = torch.Generator().manual_seed(0)
    table = torch.randn(6, 4, generator=rng)
    table[0] = 0
    skills = torch.tensor([[[2, 3, 0], [5, 0, 0]], [[0, 0, 0], [1, 1, 4]]])
    found = mean_skill_vector(table, skills)
    assert found.shape == (2, 2, 4)
    for b, t in itertools.product(range(2), range(2)):
        present = [table[s] for s in skills[b, t].tolist() if s]
        naive = sum(present) / len(present) if present else torch.zeros(4)
        torch.testing.assert_close(found[b, t], torch.as_tensor(naive))


def test_mean_over_skills_leaves_padding_out() -> None:
    values = torch.tensor([[2.0, 4.0, 100.0], [7.0, 7.0, 7.0]])
    assert mean_over_skills(values, torch.tensor([[3, 1, 0], [0, 0, 0]])).tolist() == [3.0, 0.0]


def test_mean_skill_vector_is_the_same_for_one_item_and_for_many() -> None:
    table = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    table[PADDING] = 0
    skills = torch.tensor([[3, 4, 3], [2, 0, 0], [0, 0, 0]])
    one_by_one = torch.cat([mean_skill_vector(table, row) for row in skills.split(1)])
    torch.testing.assert_close(mean_skill_vector(table, skills), one_by_one)


def test_a_skill_named_twice_counts_once() -> None:
    assert without_repeats(torch.tensor([[3, 4, 3, 3]])).tolist() == [[3, 4, PADDING, PADDING]]


def test_skills_beyond_the_slots_share_them_and_a_shared_one_counts_once() -> None:
    skills = torch.tensor([[1, 9, 4, PADDING], [2, 3, 10, 18]])
    assert slots_of(skills, num_skills=20, num_slots=9).tolist() == [
        [1, PADDING, 4, PADDING],
        [2, 3, PADDING, PADDING],
    ]


def test_credit_and_expected_score_are_shares_of_full_credit() -> None:
    assert response_credit(torch.tensor([0, 1, 3]), 4).tolist() == pytest.approx([0, 1 / 3, 1])
    # 0.1 * 0 + 0.2 * 1/2 + 0.7 * 1
    assert expected_score(torch.tensor([0.1, 0.2, 0.7])).item() == pytest.approx(0.8)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(probability: float) -> None:
    """Of a million ones the dropped share is within five standard errors, and the kept ones are scaled to mean 1."""
    torch.manual_seed(0)
    dropped = Dropout(probability)(torch.ones(1000, 1000))
    share = dropped.eq(0).double().mean().item()
    assert abs(share - probability) < 5 * (probability * (1 - probability) / 1e6) ** 0.5
    assert dropped.unique().tolist() == pytest.approx([0, 1 / (1 - probability)], rel=1e-3)


def test_dropout_of_neighbours_is_independent() -> None:
    """Four neighbours share one draw of 64 bits: their masks agree as often as chance says, 0.5 of a million."""
    torch.manual_seed(0)
    kept = Dropout(0.5)(torch.ones(1_000_000, 4)).ne(0)
    for a in range(4):
        for b in range(a):
            assert abs((kept[:, a] == kept[:, b]).double().mean().item() - 0.5) < 5 * 0.5 / 1e3


def test_dropout_rests_at_its_ends_and_outside_training() -> None:
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Dropout(0.0)(x), x)
    torch.testing.assert_close(Dropout(1.0)(x), torch.zeros(3, 5))
    torch.testing.assert_close(Dropout(0.5).eval()(x), x)


def test_distinct_rows_are_each_found_once() -> None:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randint(0, 4, (200, 3), generator=rng)
    where, which = distinct(*rows.unbind(-1))
    torch.testing.assert_close(rows[where][which], rows)
    assert len(where) == len(rows.unique(dim=0))
