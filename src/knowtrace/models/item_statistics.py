"""What training answers say of each item before any model: numbers, not vectors that are learnt.

A vector learnt per item remembers the answers it was learnt from; a statistic that leaves out the asking student's
group does not. An item without answers of its own still has neighbours: items of the same skills next to it in the
order of ids, which mostly are of one problem set.
"""

import numpy as np
import torch
from torch import Tensor, nn

from knowtrace.domain import FIRST_KNOWN, PADDING
from knowtrace.models.contract import Batch, Sizes, TrainingAnswers

REACHES = (2.0, 12.0)
"""How far, in places, a neighbour's answers reach: their weight falls by e over each."""

NEIGHBOURS = 24
"""So many neighbours are looked at on each side."""

PRIOR = 6.0
"""Answers that the wider mean weighs against each narrower one: all, skill, far and near neighbours, item."""

NUM_STATISTICS = 2 * (2 + len(REACHES)) + 1
"""Per item: a logit and a log-count of each of skill, neighbourhoods and item; and the logit shrunk through all."""


class ItemStatistics(nn.Module):
    """Statistics (num_items, NUM_STATISTICS) of all training answers, and of those without each training group.

    The last column is the base: the logit of the item's mean credit, shrunk to its neighbourhood, that to its skill,
    that to all answers.
    """

    table: Tensor
    thresholds: Tensor
    ranks: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(sizes.num_items, NUM_STATISTICS))
        self.register_buffer("thresholds", torch.zeros(sizes.num_items, sizes.num_categories - 1))
        self.register_buffer("ranks", torch.zeros(sizes.num_items))
        self._without: Tensor | None = None
        self._without_thresholds: Tensor | None = None

    def start_from(self, answers: TrainingAnswers) -> None:
        counts = answers.counts
        left = torch.cat([counts[:1], counts[:1] - counts[1:]])  # (1 + G, num_items, K)
        tables, thresholds = zip(*(_statistics(c, answers) for c in left), strict=True)
        self.table.copy_(tables[0])
        self.thresholds.copy_(thresholds[0])
        self.ranks.copy_(answers.item_ranks)
        self._without, self._without_thresholds = torch.stack(tables), torch.stack(thresholds)

    def of_batch(self, batch: Batch, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return statistics (B, T, NUM_STATISTICS) and thresholds (B, T, K-1) of items (B, T) without each student's
        own group."""
        if self._without is None or self._without_thresholds is None or not batch.groups.any():
            return self(items)
        groups = batch.groups.unsqueeze(1).cpu()
        at = items.cpu()
        return (
            self._without[groups, at].to(items.device),
            self._without_thresholds[groups, at].to(items.device),
        )

    def forward(self, items: Tensor) -> tuple[Tensor, Tensor]:
        return nn.functional.embedding(items, self.table), nn.functional.embedding(items, self.thresholds)


def _statistics(counts: Tensor, answers: TrainingAnswers) -> tuple[Tensor, Tensor]:
    """Return the statistics (num_items, NUM_STATISTICS) and thresholds (num_items, K-1) of counts (num_items, K)."""
    shares = (counts.sum(0) + 1) / (counts.sum() + counts.shape[-1])  # (K,)
    columns: list[Tensor] = []
    wider = shares.expand_as(counts)
    levels = [_by_skill(counts, answers.item_skills)]
    levels += [_nearby(counts, answers, reach) for reach in reversed(REACHES)]
    levels.append(counts)
    for level in levels:
        total = level.sum(-1, keepdim=True)
        columns += [_logit(_shrunk(level, shares)), total.log1p().squeeze(-1)]
        wider = _shrunk(level, wider)
    columns.append(_logit(wider))
    return torch.stack(columns, dim=-1), (wider[:, :-1] / wider[:, 1:]).log()


def _shrunk(counts: Tensor, prior: Tensor) -> Tensor:
    return (counts + PRIOR * prior) / (counts.sum(-1, keepdim=True) + PRIOR)


def _logit(shares: Tensor) -> Tensor:
    """Return the logit of the mean credit of category shares (..., K)."""
    credit = (shares * torch.linspace(0, 1, shares.shape[-1])).sum(-1)
    return credit.logit(1e-4)


def _by_skill(counts: Tensor, item_skills: Tensor) -> Tensor:
    """Return for each item the counts of all items that share its first skill; an item without skill has none."""
    first = item_skills[:, 0]
    totals = counts.new_zeros(int(first.max()) + 1, counts.shape[-1]).index_add_(0, first, counts)
    totals[PADDING] = 0
    return totals[first]


def _nearby(counts: Tensor, answers: TrainingAnswers, reach: float) -> Tensor:
    """Return for each item the counts of its neighbours of the same skills, fading with distance; its own left out."""
    kind = torch.unique(answers.item_skills.sort(-1).values, dim=0, return_inverse=True)[1]
    ranks = answers.item_ranks
    order = torch.from_numpy(np.lexsort((ranks.numpy(), kind.numpy())))
    order = order[order >= FIRST_KNOWN]
    found = torch.zeros_like(counts)
    sorted_counts, sorted_kind, sorted_ranks = counts[order], kind[order], ranks[order]
    total = torch.zeros_like(sorted_counts)
    for places in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
        same = sorted_kind[places:] == sorted_kind[:-places]
        apart = (sorted_ranks[places:] - sorted_ranks[:-places]).clamp(min=places)
        weight = (torch.exp(-apart / reach) * same).to(counts.dtype).unsqueeze(-1)
        total[places:] += weight * sorted_counts[:-places]
        total[:-places] += weight * sorted_counts[places:]
    found[order] = total
    return found
