"""Shards of answers into vocabulary and arrays: what `sequences.py` reads off interactions, a shard at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import UNKNOWN_TIME, Vocabulary
from knowtrace.sources import Dataset
from knowtrace.sources.shards import Shard, Shards
from knowtrace.training.containers import lags_in_columns

if TYPE_CHECKING:
    from knowtrace.training.sequences import Sequences

Integers = NDArray[np.int64]

MOST_ANSWERS = 2**32
"""More than a student gives: an answer's turn is the student's number times this, and its place."""


@dataclass(kw_only=True)
class Met:
    """Items in the order they are first met: answers of training students by category, how often they came with which
    skills; `unanswered` are the items that only others met."""

    counts: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    skill_sets: dict[str, Counter[tuple[str, ...]]] = field(
        default_factory=dict[str, Counter[tuple[str, ...]]]
    )
    unanswered: dict[str, Counter[tuple[str, ...]]] = field(
        default_factory=dict[str, Counter[tuple[str, ...]]]
    )
    has_lags: bool
    has_elapsed: bool


def distinct(skill_ids: tuple[str, ...]) -> tuple[str, ...]:
    return skill_ids if len(skill_ids) < 2 else tuple(dict.fromkeys(skill_ids))


def met_in_shards(dataset: Dataset, shards: Shards, students: Iterable[str]) -> Met:
    """Return what some students met, in the order of their answers, and what only others met, in the data's order."""
    ranks = {student_id: rank for rank, student_id in enumerate(students)}
    trained, others = _Pairs(shards), _Pairs(shards)
    counts = np.zeros((len(shards.item_ids), dataset.num_categories), dtype=np.int64)
    met = Met(has_lags=False, has_elapsed=False)
    num_before = 0
    for shard in shards:
        owners, chosen = _owners(shard, ranks)
        places = np.arange(len(shard.items)) - np.repeat(shard.starts[:-1], np.diff(shard.starts))
        trained.add(shard, owners * MOST_ANSWERS + places, chosen)
        numbers = num_before + np.repeat(np.arange(len(shard.student_ids)), np.diff(shard.starts))
        others.add(shard, numbers * MOST_ANSWERS + places, ~chosen)
        num_before += len(shard.student_ids)
        cells = shard.items[chosen] * counts.shape[1] + shard.responses[chosen]
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
        met.has_lags = met.has_lags or bool((_lags(shard)[chosen] != UNKNOWN_TIME).any())
        met.has_elapsed = met.has_elapsed or not np.isnan(shard.elapsed_seconds[chosen]).all()
    met.skill_sets = trained.by_item()
    item_of = {item_id: item for item, item_id in enumerate(shards.item_ids)}
    met.counts = {item_id: counts[item_of[item_id]].tolist() for item_id in met.skill_sets}
    met.unanswered = {
        item_id: sets for item_id, sets in others.by_item().items() if item_id not in met.counts
    }
    return met


class _Pairs:
    """Pairs of an item and a set of skills: how often they were met, and the turn of the first time."""

    def __init__(self, shards: Shards) -> None:
        self._item_ids = shards.item_ids
        self._sets = [distinct(skill_ids) for skill_ids in shards.skill_sets]
        numbers = {skill_ids: number for number, skill_ids in enumerate(self._sets)}
        # Sets that differ only in how often they name a skill are one.
        self._number = np.array([numbers[skill_ids] for skill_ids in self._sets], dtype=np.int64)
        self._pairs = self._counts = self._turns = np.zeros(0, dtype=np.int64)

    def add(self, shard: Shard, turns: Integers, chosen: NDArray[np.bool_]) -> None:
        pairs = shard.items[chosen] * len(self._sets) + self._number[shard.skill_sets[chosen]]
        pairs = np.concatenate([self._pairs, pairs])
        counts = np.concatenate([self._counts, np.ones(int(chosen.sum()), dtype=np.int64)])
        turns = np.concatenate([self._turns, turns[chosen]])
        if len(pairs):
            order = np.lexsort((turns, pairs))
            pairs, counts, turns = pairs[order], counts[order], turns[order]
            firsts = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]]))
            self._pairs, self._turns = pairs[firsts], turns[firsts]
            self._counts = np.add.reduceat(counts, firsts)

    def by_item(self) -> dict[str, Counter[tuple[str, ...]]]:
        """Return the sets of each item with their counts, items and sets in the order of their first turns."""
        found: dict[str, Counter[tuple[str, ...]]] = {}
        for n in np.argsort(self._turns).tolist():
            item, number = divmod(int(self._pairs[n]), len(self._sets))
            sets = found.setdefault(self._item_ids[item], Counter())
            sets[self._sets[number]] = int(self._counts[n])
        return found


def fill_from_shards(sequences: "Sequences", shards: Shards, vocabulary: Vocabulary) -> None:
    """Write the answers of the sequences' students into its arrays."""
    ranks = {student_id: rank for rank, student_id in enumerate(sequences.student_ids)}
    item_index = np.array([vocabulary.item_index(item_id) for item_id in shards.item_ids], dtype=np.int64)
    width = vocabulary.skills_per_item
    of_items = [vocabulary.skill_row(vocabulary.skills_of(item_id)) for item_id in shards.item_ids]
    of_item = np.array(of_items, dtype=np.int64).reshape(-1, width)
    of_set = np.array([vocabulary.skill_row(s) for s in shards.skill_sets], dtype=np.int64).reshape(-1, width)
    has_skills = np.array([bool(skill_ids) for skill_ids in shards.skill_sets])
    for shard, owners, chosen in _with_any(shards, ranks):
        starts = np.repeat(shard.starts[:-1], np.diff(shard.starts))
        where = (sequences.starts[owners] + np.arange(len(shard.items)) - starts)[chosen]
        items, sets = shard.items[chosen], shard.skill_sets[chosen]
        sequences.items[where] = item_index[items]
        sequences.skills[where] = np.where(has_skills[sets][:, None], of_set[sets], of_item[items])
        sequences.responses[where] = shard.responses[chosen]
        sequences.begins[where] = shard.begins[chosen]
        sequences.lags[where] = _lags(shard)[chosen] if vocabulary.has_lags else UNKNOWN_TIME
        seconds = shard.elapsed_seconds[chosen] if vocabulary.has_elapsed else np.nan
        sequences.elapsed[where] = np.where(np.isnan(seconds), UNKNOWN_TIME, seconds)


def _with_any(shards: Shards, ranks: dict[str, int]) -> Iterator[tuple[Shard, Integers, NDArray[np.bool_]]]:
    for shard in shards:
        owners, chosen = _owners(shard, ranks)
        if chosen.any():
            yield shard, owners, chosen


def _owners(shard: Shard, ranks: dict[str, int]) -> tuple[Integers, NDArray[np.bool_]]:
    """Return each answer's student's rank, (M,), and whether the student has one; those without stand at rank 0."""
    found = np.array([ranks.get(student_id, -1) for student_id in shard.student_ids], dtype=np.int64)
    owners = np.repeat(found, np.diff(shard.starts))
    return owners.clip(min=0), owners >= 0


def _lags(shard: Shard) -> NDArray[np.float64]:
    firsts = np.zeros(len(shard.items), dtype=bool)
    firsts[shard.starts[:-1]] = True
    return lags_in_columns(shard.begins, firsts, shard.answered_at, shard.elapsed_seconds)
