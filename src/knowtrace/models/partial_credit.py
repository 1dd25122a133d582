"""The generalized partial credit head that graded models share (Muraki, 1992, doi:10.1177/014662169201600206).

Three figures meet: a student's ability in (-3, 3), the answer's discrimination in (0.1, 3), and the item's
thresholds, in order. These are the ranges that Deep-GPCM states (Yeung, 2019, arXiv:1904.11738, for the binary form).

Where a category between two others is hardly ever given, as in many scored exams, the thresholds around it are not in
order, and who holds them to it cannot tell the item's mean: "free" lets them be.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models.contract import Sizes, TrainingAnswers
from knowtrace.models.item_content import ContentShift
from knowtrace.models.layers import ItemTable, ItemThresholds, category_logits, starting_thresholds

LARGEST_ABILITY = 3.0
DISCRIMINATION = (0.1, 3.0)
SMALLEST_GAP = 0.05
"""Thresholds start at least so far apart, in logits: at no distance softplus has no inverse."""


@dataclass(frozen=True)
class PartialCredit:
    """ability (...) in (-3, 3) · discrimination (...) in (0.1, 3) · thresholds (..., K-1), rising where
    `is_ordered`; in logits."""

    ability: Tensor
    discrimination: Tensor
    thresholds: Tensor
    is_ordered: bool = True

    def logits(self) -> Tensor:
        """Return the category logits (..., K): cumulative sums of discrimination * (ability - threshold)."""
        scaled = self.discrimination.unsqueeze(-1) * self.thresholds
        return category_logits(self.discrimination * self.ability, scaled)


class OrderedThresholds(nn.Module):
    """The thresholds (..., K-1) of items, rising: a first one, then gaps that a softplus keeps positive. Apart from
    them stands what the items' content says."""

    def __init__(self, num_items: int, num_categories: int) -> None:
        super().__init__()
        self.table = ItemTable(num_items, num_categories - 1)
        self.content = ContentShift()

    def start_from(self, answers: TrainingAnswers, *, prior_answers: float) -> None:
        """Start at the item means; where those thresholds are not in order, they are sorted, which keeps the odds of
        full against no credit."""
        start, shift = starting_thresholds(answers, prior_answers=prior_answers)
        self.content.keep(shift)
        start = start.sort(-1).values
        gaps = inverse_softplus(start.diff(dim=-1).clamp(min=SMALLEST_GAP))
        with torch.no_grad():
            self.table.weight[PADDING + 1 :] = torch.cat([start[:, :1], gaps], dim=-1)[PADDING + 1 :]

    def forward(self, items: Tensor) -> Tensor:
        return self.content(items, rising(self.table(items)))


THRESHOLDS = {"ordered": OrderedThresholds, "free": ItemThresholds}


def check_thresholds(named: str) -> list[str]:
    """Return what is wrong with the name of a kind of thresholds, none or one problem."""
    return [] if named in THRESHOLDS else [f"thresholds ({named!r}) must be one of {', '.join(THRESHOLDS)}"]


class PartialCreditHead(nn.Module):
    """From a summary of student and asked item (..., width) to the three figures of the model.

    `thresholds` is "ordered" or "free".
    """

    def __init__(self, sizes: Sizes, width: int, thresholds: str) -> None:
        super().__init__()
        self.ability = nn.Linear(width, 1)
        self.discrimination = nn.Linear(width, 1)
        self.thresholds = THRESHOLDS[thresholds](sizes.num_items, sizes.num_categories)
        lowest, highest = DISCRIMINATION
        for layer in (self.ability, self.discrimination):
            # Small, so that the item means speak first.
            nn.init.normal_(layer.weight, std=0.05)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.discrimination.bias, math.log((1 - lowest) / (highest - 1)))

    def forward(self, summary: Tensor, items: Tensor) -> PartialCredit:
        lowest, highest = DISCRIMINATION
        return PartialCredit(
            ability=LARGEST_ABILITY * self.ability(summary).squeeze(-1).tanh(),
            discrimination=lowest + (highest - lowest) * self.discrimination(summary).squeeze(-1).sigmoid(),
            thresholds=self.thresholds(items),
            is_ordered=isinstance(self.thresholds, OrderedThresholds),
        )


def rising(raw: Tensor) -> Tensor:
    """Return (..., n) whose first entry is the raw one and whose gaps are the softplus of the others."""
    return torch.cat([raw[..., :1], F.softplus(raw[..., 1:])], dim=-1).cumsum(-1)


def inverse_softplus(gaps: Tensor) -> Tensor:
    return gaps + (-torch.expm1(-gaps)).log()
