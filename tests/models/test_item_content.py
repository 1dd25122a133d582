"""What content says of items: by hand, against the same regression without the item, and where it says nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from contract.answers import answers_of
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from knowtrace.models import TrainingAnswers, item_content
from knowtrace.models.item_content import ContentShift, content_shift, shifted
from knowtrace.models.layers import overall_shares


def answers_with(contents: Tensor, counts: Tensor) -> TrainingAnswers:
    return replace(answers_of(counts), contents=contents)


def shift_of(contents: Tensor, counts: Tensor) -> Tensor:
    found = content_shift(answers_with(contents, counts), counts, overall_shares(counts))
    assert found is not None
    return found


def planted(seed: int, *, num_items: int = 200, says: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Return contents of six words, counts, and how hard the words make each item: the last 20 were never answered."""
    rng = np.random.default_rng(seed)
    contents = np.zeros((num_items + 2, 6), dtype=np.float32)
    contents[2:] = rng.random((num_items, 6)) < 0.4
    contents[2:, 0] += ~contents[2:].any(-1)
    hard = says * (contents @ np.array([2.0, -2.0, 1.0, -1.0, 0.0, 0.0]))
    contents /= np.maximum(np.linalg.norm(contents, axis=-1, keepdims=True), 1)
    right = rng.binomial(40, 1 / (1 + np.exp(hard + rng.normal(0, 0.3, len(hard)))))
    counts = np.stack([40 - right, right], axis=-1)
    counts[:2], counts[-20:] = 0, 0
    return torch.from_numpy(contents), torch.from_numpy(counts).float(), torch.from_numpy(hard)


def test_items_nobody_answered_are_as_hard_as_their_words() -> None:
    contents, counts, hard = planted(1)
    shift = shift_of(contents, counts)[:, 0]
    assert np.corrcoef(shift[-20:], hard[-20:])[0, 1] > 0.9
    assert np.corrcoef(shift[2:-20], hard[2:-20])[0, 1] > 0.9
    assert not shift[:2].any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_words_that_say_nothing_move_little(seed: int) -> None:
    contents, counts, _ = planted(seed, says=0.0)
    assert shift_of(contents, counts).square().mean().sqrt() < 0.15


def test_an_item_is_foretold_as_if_it_had_not_been_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ridge regression by hand without item 9, around the same mean: weights n / (n + 8), penalty 0.5."""
    monkeypatch.setattr(item_content, "PENALTIES", (0.5,))
    contents, counts, _ = planted(2, num_items=60)
    counts[5:20] /= 4
    found = shift_of(contents, counts)[9, 0]

    x, number = contents.double().numpy(), counts.sum(-1).double().numpy()
    share = overall_shares(counts)[1].item()
    odds = (counts[:, 1] + share) / (counts[:, 0] + 1 - share) * (1 - share) / share
    y = odds.log().double().numpy()
    weights = number / (number + 8)
    x = x - np.average(x[2:], axis=0, weights=weights[2:])
    others = [item for item in range(2, len(x)) if number[item] and item != 9]
    weighted = x[others] * weights[others, None]
    slopes = np.linalg.solve(weighted.T @ x[others] + 0.5 * np.eye(6), weighted.T @ y[others])
    assert found.item() == pytest.approx(-x[9] @ slopes, abs=1e-5)


def test_own_answers_do_not_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_content, "PENALTIES", (0.5,))
    contents, counts, _ = planted(3)
    shares = overall_shares(counts)
    turned = counts.clone()
    turned[7] = counts[7].flip(0)
    one, other = (content_shift(answers_with(contents, c), c, shares) for c in (counts, turned))
    assert one is not None
    assert other is not None
    assert one[7].item() == pytest.approx(other[7].item(), abs=1e-5)
    assert one[8].item() != other[8].item()


def test_too_few_items_and_items_without_content_are_left_as_they_are() -> None:
    contents, counts, _ = planted(4)
    few = counts.clone()
    few[11:] = 0
    assert not shift_of(contents, few).any()
    contents[20] = 0
    shift = shift_of(contents, counts)
    assert shift[20] == 0
    assert shift[21] != 0


def test_answers_that_are_all_right_leave_finite_shifts() -> None:
    contents, counts, _ = planted(6)
    counts[:, 0] = 0
    counts[2:-20, 1] = 1e8
    assert overall_shares(counts)[1] == 1
    assert torch.isfinite(shift_of(contents, counts)).all()


def test_shares_are_moved_by_hand() -> None:
    """Shares 1/4, 1/2, 1/4 have thresholds -log 2 and log 2; with log 2 more, 0 and log 4: 4/9, 4/9, 1/9."""
    shares = torch.tensor([0.25, 0.5, 0.25])
    moved = shifted(shares, torch.tensor([np.log(2.0)]))
    assert moved.tolist() == pytest.approx([4 / 9, 4 / 9, 1 / 9])
    assert shifted(shares, None) is shares


def test_graded_items_earn_what_their_words_say() -> None:
    """With middle categories hardly ever given, an item of words of one logit harder earns that much less credit."""
    contents, counts, hard = planted(5)
    graded = torch.cat([counts[:, :1], torch.zeros(len(counts), 2), counts[:, 1:]], dim=-1)
    shares = overall_shares(graded)
    shift = content_shift(answers_with(contents, graded), graded, shares)
    assert shift is not None
    assert shift.shape == (len(counts), 1)
    credit = (shifted(shares.expand_as(graded), shift) * torch.linspace(0, 1, 4)).sum(-1)
    as_binary = shifted(overall_shares(counts).expand_as(counts), shift_of(contents, counts))[:, 1]
    torch.testing.assert_close(credit, as_binary, atol=0.01, rtol=0)
    assert np.corrcoef(credit[-20:].logit(), -hard[-20:])[0, 1] > 0.9


def test_a_shift_is_stored_and_older_weights_have_none() -> None:
    content = ContentShift()
    content.keep(torch.tensor([[0.0], [0.0], [1.5]]))
    items, thresholds = torch.tensor([2]), torch.tensor([[1.0]])
    again = ContentShift()
    again.load_state_dict(content.state_dict())
    assert again(items, thresholds).item() == 2.5
    again.load_state_dict({})
    assert again(items, thresholds).item() == 1.0
