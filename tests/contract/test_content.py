"""Every model that reads items makes of content what it should: an unanswered item of hard words is harder."""

from dataclasses import replace

import pytest
import torch

from contract.answers import answers_of, batch_of
from contract.test_contract import SETTINGS
from knowtrace.domain import FIRST_KNOWN, UNKNOWN_TIME
from knowtrace.models import MODELS, Asked, Sizes, build_model
from knowtrace.models.layers import share_unanswered

NUM_ITEMS = 62
HARD, EASY = NUM_ITEMS - 2, NUM_ITEMS - 1
"""Nobody answered the last two: one of hard words, one of easy ones."""


@pytest.mark.parametrize("num_categories", [2, 4])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"content {name}")) for name in MODELS]
)
def test_an_unanswered_item_is_as_hard_as_its_words(name: str, num_categories: int) -> None:
    """On items of hard words a fifth of the credit is earned, on those of easy ones four fifths."""
    torch.manual_seed(7)
    sizes = Sizes(num_items=NUM_ITEMS, num_skills=4, num_categories=num_categories)
    model = build_model(name, sizes, SETTINGS.get(name))
    # In no order: else the places of items would tell trees what their words do.
    is_hard = torch.rand(NUM_ITEMS) < 0.5
    is_hard[HARD], is_hard[EASY] = True, False
    contents = torch.stack([is_hard, ~is_hard], dim=-1).float()
    contents[:FIRST_KNOWN] = 0
    items = torch.randint(FIRST_KNOWN, HARD, (60, 25))
    steps = torch.rand(num_categories - 1, *items.shape) < torch.where(is_hard[items], 0.2, 0.8)
    batch = batch_of(items, torch.full((60, 25, 1), 2), steps.sum(0))
    batch = replace(batch, groups=torch.arange(60) % 10 + 1)
    counts = torch.zeros(NUM_ITEMS, num_categories)
    counts.index_put_((batch.items, batch.responses), torch.ones(items.shape), accumulate=True)
    answers = replace(
        answers_of(counts, [batch]), contents=contents, item_skills=torch.full((NUM_ITEMS, 1), 2)
    )
    share_unanswered(model, counts)
    model.start_from(answers)
    model.eval()
    asked = Asked(torch.tensor([[HARD, EASY]]), torch.full((1, 2, 1), 2), torch.tensor([UNKNOWN_TIME]))
    with torch.no_grad():
        found = model.predict(model.initial_state(), asked)[0]
    hard, easy = (found * torch.linspace(0, 1, num_categories)).sum(-1).tolist()
    if not model.reads_items:
        assert hard == easy
        return
    assert hard + 0.2 < easy
