"""The generalized partial credit head: its ranges under any weights, and its figures by hand."""

import math

import pytest
import torch
from contract.answers import answers_of
from hypothesis import given, settings
from hypothesis import strategies as st

from knowtrace.errors import TrainingError
from knowtrace.models import Sizes, build_model
from knowtrace.models.layers import ItemThresholds
from knowtrace.models.partial_credit import (
    DISCRIMINATION,
    LARGEST_ABILITY,
    OrderedThresholds,
    PartialCredit,
    PartialCreditHead,
)
from models.test_dkt import random_histories


@settings(max_examples=60, deadline=None)
@given(num_categories=st.integers(2, 5), seed=st.integers(0, 10_000), scale=st.floats(0.01, 20))
def test_ranges_hold_under_any_weights(num_categories: int, seed: int, scale: float) -> None:
    """Ability within 3, discrimination positive, thresholds in order, probabilities that sum to 1."""
    torch.manual_seed(seed)
    sizes = Sizes(num_items=9, num_skills=3, num_categories=num_categories)
    head = PartialCreditHead(sizes, width=4, thresholds="ordered")
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
        figures = head(scale * torch.randn(5, 7, 4), torch.randint(0, 9, (5, 7)))
    assert (figures.ability.abs() <= LARGEST_ABILITY).all()
    assert (figures.discrimination >= DISCRIMINATION[0]).all()
    assert (figures.discrimination <= DISCRIMINATION[1]).all()
    assert (figures.thresholds.diff(dim=-1) >= 0).all()
    assert figures.thresholds.shape == (5, 7, num_categories - 1)
    probabilities = figures.logits().softmax(-1)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(5, 7))


@pytest.mark.parametrize("name", ["deep-gpcm", "transformer-gpcm"])
@settings(max_examples=10, deadline=None)
@given(num_categories=st.integers(2, 5), seed=st.integers(0, 10_000))
def test_whole_models_keep_the_ranges(name: str, num_categories: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = build_model(name, Sizes(num_items=40, num_skills=9, num_categories=num_categories)).eval()
    batch = random_histories(4, 12, seed=seed)
    batch.responses.clamp_(max=num_categories - 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
        figures = model.figures(batch)  # pyright: ignore
    assert (figures.ability.abs() <= LARGEST_ABILITY).all()
    assert (figures.discrimination >= DISCRIMINATION[0]).all()
    assert (figures.thresholds.diff(dim=-1) >= 0).all()


def test_logits_by_hand() -> None:
    """Muraki's numerators for ability 1, discrimination 2 and thresholds -1 and 0.5: 0, 2 * 2, then 2 * 0.5 more."""
    figures = PartialCredit(torch.tensor(1.0), torch.tensor(2.0), torch.tensor([-1.0, 0.5]))
    assert figures.logits().tolist() == pytest.approx([0, 4, 5])


def test_thresholds_start_at_the_item_means() -> None:
    """Counts 1, 2, 1 and no prior to speak of: thresholds log(1/2) and log(2), where ability 0 gives the shares."""
    thresholds = OrderedThresholds(num_items=4, num_categories=3)
    counts = torch.tensor([[0.0, 0, 0], [0, 0, 0], [1, 2, 1], [5, 1, 2]])
    thresholds.start_from(answers_of(counts), prior_answers=1e-3)
    found = thresholds(torch.tensor([2, 3])).detach()
    assert found[0].tolist() == pytest.approx([math.log(1 / 2), math.log(2)], abs=2e-3)
    # log 5 and log(1/2) are out of order: sorted.
    assert found[1].tolist() == pytest.approx([math.log(1 / 2), math.log(5)], abs=2e-3)


def test_free_thresholds_start_where_the_counts_put_them() -> None:
    """Counts 5, 1, 2: log 5 and log(1/2), out of order, where ability 0 gives the shares 5/8, 1/8, 2/8."""
    thresholds = ItemThresholds(num_items=3, num_categories=3)
    counts = torch.tensor([[0.0, 0, 0], [0, 0, 0], [5, 1, 2]])
    thresholds.start_from(answers_of(counts), prior_answers=1e-3)
    found = thresholds(torch.tensor([2])).detach()
    assert found[0].tolist() == pytest.approx([math.log(5), math.log(1 / 2)], abs=2e-3)
    figures = PartialCredit(torch.zeros(1), torch.ones(1), found, is_ordered=False)
    assert figures.logits().softmax(-1)[0].tolist() == pytest.approx([5 / 8, 1 / 8, 2 / 8], abs=1e-3)


@pytest.mark.parametrize("name", ["deep-gpcm", "transformer-gpcm"])
def test_thresholds_are_free_where_that_is_set(name: str) -> None:
    sizes = Sizes(num_items=4, num_skills=5, num_categories=3)
    model = build_model(name, sizes, {"thresholds": "free"}).eval()
    model.start_from(answers_of(torch.tensor([[0.0, 0, 0], [0, 0, 0], [5, 1, 2], [1, 2, 1]])))
    batch = random_histories(2, 3, seed=1)
    batch.items[:], batch.responses[:], batch.skills[:] = 2, 0, 1
    with torch.no_grad():
        figures = model.figures(batch)  # pyright: ignore
    assert not figures.is_ordered
    assert (figures.thresholds.diff(dim=-1) < 0).all()
    with pytest.raises(TrainingError, match=r"thresholds \('loose'\) must be one of ordered, free"):
        build_model(name, sizes, {"thresholds": "loose"})


def test_a_fresh_model_answers_as_the_item_means() -> None:
    counts = torch.tensor([[0.0, 0], [0, 0], [6, 2], [1, 3]])
    for name in ("deep-gpcm", "transformer-gpcm"):
        torch.manual_seed(0)
        model = build_model(name, Sizes(num_items=4, num_skills=5, num_categories=2)).eval()
        model.start_from(answers_of(counts))
        head = model.get_submodule("head")
        assert isinstance(head, PartialCreditHead)
        with torch.no_grad():
            head.ability.weight.zero_()
            head.discrimination.weight.zero_()
            batch = random_histories(2, 3, seed=1)
            batch.items[:], batch.responses[:], batch.skills[:] = 3, 0, 1
            figures = model(batch).softmax(-1)
        # Shares shrunk by 5 answers at 8/14 and 6/14: (3 + 15/7) / 9.
        assert figures[0, 0, 1].item() == pytest.approx((3 + 15 / 7) / 9, abs=1e-5)
