"""How likely it is that a student gives somebody else's responses without having seen them."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowtrace.sources.columns import Columns

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_EXPECTED = 0.01
"""What may be found by chance in a whole dataset: one false alarm in a hundred clean datasets."""

PRIOR_ANSWERS = 2.0
"""An item's shares are drawn towards the shares of all answers as by so many answers more."""

MAX_TILT = 12.0
NUM_STEPS = 25
RIDGE = 1e-3
MAX_CELLS = 4_000_000


class ResponseShares:
    """How often each response is given to an item, between the item before it and the item after it.

    The neighbours belong to the item because tutors let the response decide what comes next: a hint item after a
    wrong answer, the same item again until it is right. Counts of the item with both neighbours are drawn
    towards those with the next one, these towards the item's own, and these towards all answers.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        item, student = columns.item, columns.student
        num_items = len(columns.item_ids)
        before, after = np.full_like(item, num_items), np.full_like(item, num_items)
        same = student[1:] == student[:-1]
        before[1:][same], after[:-1][same] = item[:-1][same], item[1:][same]
        with_next = _numbered(item * (num_items + 1) + after)
        with_both = _numbered(with_next * (num_items + 1) + before)
        self.levels = (item, with_next, with_both)
        overall = np.bincount(columns.response, minlength=columns.num_categories) + 1.0
        self.overall = overall / overall.sum()  # (K,)

    def log_shares(self, rows: Integers) -> Floats:
        """Return log shares (R, K) for these answers, each as if two students had not given it."""
        num_categories = self.columns.num_categories
        given = self.columns.response[rows]
        shares = np.broadcast_to(self.overall, (len(rows), num_categories))
        for contexts in self.levels:
            used, index = np.unique(contexts[rows], return_inverse=True)
            place = np.full(contexts.max() + 1, -1)
            place[used] = np.arange(len(used))
            row_place = place[contexts]
            is_used = row_place >= 0
            cells = row_place[is_used] * num_categories + self.columns.response[is_used]
            counts = np.bincount(cells, minlength=len(used) * num_categories).astype(np.float64)
            counts = counts.reshape(len(used), num_categories)[index]  # (R, K)
            counts[np.arange(len(rows)), given] = np.maximum(counts[np.arange(len(rows)), given] - 2, 0)
            counts += PRIOR_ANSWERS * shares
            shares = counts / counts.sum(axis=1, keepdims=True)
        return np.log(shares)

    @cached_property
    def own_nats(self) -> Floats:
        """-log share (N,) of every answer's own response, as `log_shares` has it."""
        response, num_categories = self.columns.response, self.columns.num_categories
        share = self.overall[response]
        for contexts in self.levels:
            cells = _numbered(contexts * num_categories + response)
            given = np.bincount(cells)[cells]
            others = np.maximum(given - 2, 0)
            in_all = np.bincount(contexts)[contexts] - given + others
            share = (others + PRIOR_ANSWERS * share) / (in_all + PRIOR_ANSWERS)
        return -np.log(share)


def _numbered(values: Integers) -> Integers:
    """Return the values renumbered from 0 without gaps."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def surprise_of(
    shares: ResponseShares, rows: Integers, sizes: Integers, num_unequal: Integers | None = None
) -> Floats:
    """Return how surprising it is to give each pattern of responses again, in nats: -log of a probability, (G,).

    `rows` (R,) are the answers of the patterns one after the other, pattern g `sizes[g]` answers long. A student
    gives category k, after category j, with probability proportional to
    share_k exp(level k / (K - 1) + streak [k = j]); level and streak (>= 0) are those that make the pattern most
    likely, so that neither ability nor runs of equal responses count as surprise. With `num_unequal` (G,) the
    second student differed that often: the bound is then over all ways to leave out so many answers.
    """
    surprises = np.zeros(len(sizes))
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        before = ends[first] - sizes[first]
        room = before + MAX_CELLS // shares.columns.num_categories
        last = max(first + 1, int(np.searchsorted(ends, room, side="right")))
        chunk = sizes[first:last]
        nats = _nats_by_answer(shares, rows[int(before) : int(ends[last - 1])], chunk)
        starts = np.cumsum(chunk) - chunk
        surprises[first:last] = np.add.reduceat(nats, starts)
        if num_unequal is not None:
            for g in np.flatnonzero(num_unequal[first:last]):
                own = np.sort(nats[starts[g] : starts[g] + chunk[g]])
                left_out = int(num_unequal[first + g])
                ways = np.log(np.arange(chunk[g] - left_out + 1, chunk[g] + 1) / np.arange(1, left_out + 1))
                surprises[first + g] = max(0.0, own[: len(own) - left_out].sum() - ways.sum())
        first = last
    return surprises


def _nats_by_answer(shares: ResponseShares, rows: Integers, sizes: Integers) -> Floats:
    """Return -log p (R,) of each response under its pattern's most likely level and streak, by Newton's method."""
    base = shares.log_shares(rows)  # (R, K)
    response = shares.columns.response[rows]
    starts = np.cumsum(sizes) - sizes
    group = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(len(response))
    credit = np.linspace(0, 1, base.shape[1])
    follows = np.zeros_like(base)
    follows[rows[1:], response[:-1]] = 1.0
    follows[starts] = 0.0
    level, streak = np.zeros(len(sizes)), np.zeros(len(sizes))
    for _ in range(NUM_STEPS):
        p = _probabilities(base, credit, follows, level[group], streak[group])
        mean, same = p @ credit, (p * follows).sum(axis=1)
        d_level = np.add.reduceat(credit[response] - mean, starts) - RIDGE * level
        d_streak = np.add.reduceat(follows[rows, response] - same, starts) - RIDGE * streak
        h_level = np.add.reduceat(p @ credit**2 - mean**2, starts) + RIDGE
        h_streak = np.add.reduceat(same * (1 - same), starts) + RIDGE
        cross = np.add.reduceat((p * follows) @ credit - mean * same, starts)
        is_held = (streak <= 0) & (d_streak <= 0)
        cross, h_streak = np.where(is_held, 0, cross), np.where(is_held, 1, h_streak)
        d_streak = np.where(is_held, 0, d_streak)
        determinant = np.maximum(h_level * h_streak - cross**2, 1e-9)
        step_level = (h_streak * d_level - cross * d_streak) / determinant
        step_streak = (h_level * d_streak - cross * d_level) / determinant
        level = np.clip(level + np.clip(step_level, -2, 2), -MAX_TILT, MAX_TILT)
        streak = np.clip(streak + np.clip(step_streak, -2, 2), 0, MAX_TILT)
        if max(np.abs(step_level).max(), np.abs(step_streak).max()) < 1e-4:
            break
    p = _probabilities(base, credit, follows, level[group], streak[group])
    return -np.log(np.maximum(p[rows, response], 1e-300))


def _probabilities(base: Floats, credit: Floats, follows: Floats, level: Floats, streak: Floats) -> Floats:
    logits = base + level[:, None] * credit + streak[:, None] * follows
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
