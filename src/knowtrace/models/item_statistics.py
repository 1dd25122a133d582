"""What training answers say of each item before any model: numbers, not vectors that are learnt.

A vector learnt per item remembers the answers it was learnt from; a statistic that leaves out the asking student's
group does not. An item without answers of its own still has neighbours: items next to it in the order of ids, which
mostly are of one problem set.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import FIRST_KNOWN, PADDING
from knowtrace.models import running_sums as running
from knowtrace.models.contract import Batch, Sizes, TrainingAnswers
from knowtrace.models.expectation import grow_expectations
from knowtrace.models.item_content import content_shift, shifted
from knowtrace.models.layers import response_credit
from knowtrace.models.running_features import features

COUNT_REACHES = (2.0, 12.0)
LEFT_REACHES = (2.0, 12.0, 60.0)
"""How far, in places, a neighbour's answers reach: their weight falls by e over each."""

NEIGHBOURS = 40
"""So many neighbours are looked at on each side."""

PRIOR = 6.0
"""Answers that the wider mean weighs against each narrower one: all, skill, far and near neighbours, item."""

NUM_COUNTED = 2 * (2 + len(COUNT_REACHES))
NUM_LEFT = 1 + 2 * len(LEFT_REACHES)
NUM_STATISTICS = NUM_COUNTED + NUM_LEFT + 1
"""Per item: a logit and a log-count of each of skill, neighbourhoods and item; what is left of the credit of its own
answers, of those of its neighbours of the same skills, and of any; and the base."""


MOST_HELD = 1_250_000
"""Answers whose features are held at once: with five parts of groups, trees are grown on four fifths of them."""


class _Targets(NamedTuple):
    """Answers that expectations are grown on: features (M, F), credit, groups and items (M,)."""

    features: NDArray[np.float32]
    credit: NDArray[np.float32]
    groups: NDArray[np.int64]
    items: NDArray[np.int64]

    def thinned(self, first: int, stride: int) -> "_Targets":
        return _Targets(
            self.features[first::stride],
            self.credit[first::stride],
            self.groups[first::stride],
            self.items[first::stride],
        )


class _Counted(NamedTuple):
    """The counted statistics and the base (num_items, NUM_COUNTED + 1), thresholds (num_items, K-1), and how much more
    credit content leads to expect, (num_items,)."""

    columns: Tensor
    thresholds: Tensor
    by_content: Tensor


class ItemStatistics(nn.Module):
    """Statistics (num_items, NUM_STATISTICS) of all training answers, and of those without each training group.

    The last column is the base: the logit of the item's mean credit, shrunk to what its content says beyond its
    neighbourhood, that to its skill, that to all answers.
    """

    table: Tensor
    thresholds: Tensor
    positions: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.register_buffer("table", torch.zeros(sizes.num_items, NUM_STATISTICS))
        self.register_buffer("thresholds", torch.zeros(sizes.num_items, sizes.num_categories - 1))
        self.register_buffer("positions", torch.zeros(sizes.num_items))
        self._without: tuple[Tensor, Tensor] | None = None

    def start_from(self, answers: TrainingAnswers) -> None:
        near = _Neighbours(answers)
        counted = [_of_counts(counts, answers, near) for counts in _without_each(answers.counts)]
        thresholds = torch.stack([found.thresholds for found in counted])
        self.positions.copy_(answers.item_positions)
        nothing = answers.counts.new_zeros(self.sizes.num_items, NUM_LEFT)
        # The features that expectations rest on are read with what counts alone tell of the items.
        self._keep([_join(found.columns, nothing) for found in counted], thresholds)
        left = _without_each(self._left_by_group(answers))  # (1 + G, num_items, 2)
        self._keep(
            [
                _join(found.columns, _of_left(rest, near, found.by_content))
                for found, rest in zip(counted, left, strict=True)
            ],
            thresholds,
        )

    def of_batch(self, batch: Batch, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return statistics (B, T, NUM_STATISTICS) and thresholds (B, T, K-1) of items (B, T) without each student's
        own group."""
        if self._without is None or not batch.groups.any():
            return self(items)
        groups, at = batch.groups.unsqueeze(1).cpu(), items.cpu()
        table, thresholds = self._without
        return table[groups, at].to(items.device), thresholds[groups, at].to(items.device)

    def forward(self, items: Tensor) -> tuple[Tensor, Tensor]:
        return F.embedding(items, self.table), F.embedding(items, self.thresholds)

    def positions_of(self, items: Tensor) -> Tensor:
        """Return where items (...) stand, (..., 1)."""
        return F.embedding(items, self.positions.unsqueeze(-1))

    def _keep(self, tables: list[Tensor], thresholds: Tensor) -> None:
        self.table.copy_(tables[0])
        self.thresholds.copy_(thresholds[0])
        self._without = torch.stack(tables), thresholds

    def _left_by_group(self, answers: TrainingAnswers) -> Tensor:
        """Return the sums of what is left of credit and the answers behind them, (1 + G, num_items, 2).

        Of more answers than MOST_HELD trees are grown on every n-th, and the others are passed over once more.
        """
        stride = max(1, -(-int(answers.counts[0].sum(dtype=torch.float64)) // MOST_HELD))
        held: list[_Targets] = []
        seen = 0
        for batch in answers.batches():
            part = self._targets(batch)
            held.append(part.thinned(-seen % stride, stride))
            seen += len(part.credit)
        sums = torch.zeros(len(answers.counts), self.sizes.num_items, 2)
        if not held:
            return sums
        whole = _Targets(
            features=np.concatenate([part.features for part in held]),
            credit=np.concatenate([part.credit for part in held]),
            groups=np.concatenate([part.groups for part in held]),
            items=np.concatenate([part.items for part in held]),
        )
        expectations = grow_expectations(whole.features, whole.credit, whole.groups)
        passed = [whole] if stride == 1 else (self._targets(batch) for batch in answers.batches())
        for part in passed:
            left = expectations.left_of_credit(part.features, part.credit, part.groups)
            values = torch.stack([torch.from_numpy(left), torch.ones(len(left))], dim=-1)
            where = (torch.from_numpy(part.groups), torch.from_numpy(part.items))
            sums.index_put_(where, values, accumulate=True)
        sums[0] = sums.sum(0)
        return sums

    def _targets(self, batch: Batch) -> "_Targets":
        seen, credit = self._skill_and_past(batch)
        groups = batch.groups.unsqueeze(1).expand_as(batch.items)
        return _Targets(
            features=seen[batch.targets].numpy(),
            credit=credit[batch.targets].numpy(),
            groups=groups[batch.targets].numpy(),
            items=batch.items[batch.targets].numpy(),
        )

    def _skill_and_past(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what is known before each answer but for the item itself, (B, T, F), and its credit (B, T)."""
        statistics, _ = self.of_batch(batch, batch.items)
        credit = response_credit(batch.responses, self.sizes.num_categories).unsqueeze(-1)
        surprise = credit - statistics[..., -1:].sigmoid()
        slots = running.slots_of(batch.skills, self.sizes.num_skills)
        positions = self.positions_of(batch.items)
        past = running.pasts(batch, slots, credit=credit, surprise=surprise, positions=positions)
        seen = features(past, slots, positions, batch.lags.unsqueeze(-1))
        return torch.cat([statistics[..., :2], seen], dim=-1), credit.squeeze(-1)


def _without_each(sums: Tensor) -> Tensor:
    """Return sums (1 + G, ...) of all and of each group as sums of all and of all but each group."""
    return torch.cat([sums[:1], sums[:1] - sums[1:]])


def _join(counted: Tensor, left: Tensor) -> Tensor:
    return torch.cat([counted[:, :-1], left, counted[:, -1:]], dim=1)


def _of_counts(counts: Tensor, answers: TrainingAnswers, near: "_Neighbours") -> _Counted:
    overall = (counts.sum(0) + 1) / (counts.sum() + counts.shape[-1])  # (K,)
    wider = [
        _by_skill(counts, answers.item_skills),
        *(near.sums(counts, reach) for reach in reversed(COUNT_REACHES)),
    ]
    columns: list[Tensor] = []
    shares = overall.expand_as(counts)
    for level in wider:
        columns += [_logit(_shrunk(level, overall)), level.sum(-1).log1p()]
        shares = _shrunk(level, shares)
    shift = content_shift(answers, counts, shares)
    expected = shifted(shares, shift)
    # Whoever learns what an item's own answers mean has to find its content in their place.
    own_prior = overall if shift is None else expected
    columns += [_logit(_shrunk(counts, own_prior)), counts.sum(-1).log1p()]
    of_item = _shrunk(counts, expected)
    columns.append(_logit(of_item))
    return _Counted(
        torch.stack(columns, dim=-1),
        (of_item[:, :-1] / of_item[:, 1:]).log(),
        _credit(expected) - _credit(shares),
    )


def _of_left(left: Tensor, near: "_Neighbours", by_content: Tensor) -> Tensor:
    """Return the mean of what is left of credit, (num_items, NUM_LEFT), shrunk to zero, an item's own to what its
    content leads to expect."""
    levels = [left]
    for reach in LEFT_REACHES:
        levels += [near.sums(left, reach), near.sums(left, reach, of_any_skill=True)]
    means = [level[:, 0] / (level[:, 1] + PRIOR) for level in levels]
    means[0] = (left[:, 0] + PRIOR * by_content) / (left[:, 1] + PRIOR)
    return torch.stack(means, dim=-1)


def _shrunk(counts: Tensor, prior: Tensor) -> Tensor:
    return (counts + PRIOR * prior) / (counts.sum(-1, keepdim=True) + PRIOR)


def _logit(shares: Tensor) -> Tensor:
    """Return the logit of the mean credit of category shares (..., K)."""
    return _credit(shares).logit(1e-4)


def _credit(shares: Tensor) -> Tensor:
    return (shares * torch.linspace(0, 1, shares.shape[-1])).sum(-1)


def _by_skill(counts: Tensor, item_skills: Tensor) -> Tensor:
    """Return for each item the counts of all items that share its first skill; an item without skill has none."""
    first = item_skills[:, 0]
    totals = counts.new_zeros(int(first.max()) + 1, counts.shape[-1]).index_add_(0, first, counts)
    totals[PADDING] = 0
    return totals[first]


class _Neighbours:
    """Items in the order of their positions, all together and apart by the set of their skills."""

    def __init__(self, answers: TrainingAnswers) -> None:
        positions = answers.item_positions.numpy()
        kinds = np.unique(answers.item_skills.sort(-1).values.numpy(), axis=0, return_inverse=True)[1].ravel()
        self._positions = answers.item_positions
        self._kinds = torch.from_numpy(kinds)
        self._by_skill = _known(np.lexsort((positions, kinds)))
        self._of_any = _known(np.argsort(positions, kind="stable"))

    def sums(self, values: Tensor, reach: float, *, of_any_skill: bool = False) -> Tensor:
        """Return for each item the sum of its neighbours' values (num_items, C), fading with distance, without its
        own."""
        order = self._of_any if of_any_skill else self._by_skill
        own, position, kind = values[order], self._positions[order], self._kinds[order]
        total = torch.zeros_like(own)
        for apart in range(1, min(NEIGHBOURS, len(order) - 1) + 1):
            way = (position[apart:] - position[:-apart]).clamp(min=apart)
            weight = torch.exp(-way / reach).unsqueeze(-1)
            if not of_any_skill:
                weight = weight * kind[apart:].eq(kind[:-apart]).unsqueeze(-1)
            total[apart:] += weight * own[:-apart]
            total[:-apart] += weight * own[apart:]
        found = torch.zeros_like(values)
        found[order] = total
        return found


def _known(order: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(order[order >= FIRST_KNOWN])
