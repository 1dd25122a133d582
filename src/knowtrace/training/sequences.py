"""Interactions as the arrays that models learn from, and the vocabulary that turns ids into indices."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.domain import (
    FIRST_KNOWN,
    PADDING,
    UNKNOWN_TIME,
    CatalogueItem,
    DescribedItem,
    Vocabulary,
)
from knowtrace.models import Batch, Sizes, TrainingAnswers
from knowtrace.sources import Dataset
from knowtrace.training.containers import begins_of, lags_of
from knowtrace.training.content import content_vectors
from knowtrace.training.persons import NUM_GROUPS
from knowtrace.training.scratch import MEMORY, Scratch
from knowtrace.training.sharded import Met, distinct, fill_from_shards, met_in_shards
from knowtrace.training.stretches import Pieces

READING_BATCH = 64

FARTHEST = 1_000
"""Items with ids farther apart than this are strangers, however much farther."""

WHOLE_NUMBERS = 2**24
"""Up to here float32 holds every whole number."""

LONGEST_NUMBER = 18
"""Digits of a number within an id; a longer one sorts as text."""


@dataclass(frozen=True, eq=False)
class Sequences:
    """Answers of N students, M in all, one slice per student, in order.

    starts (N + 1,) · items (M,) · skills (M, S) · responses (M,) · begins (M,), False where an answer was given
    together with the one before it · lags and elapsed (M,), in seconds, UNKNOWN_TIME where nobody recorded them ·
    groups (N,), as in `Batch`; student n owns starts[n]:starts[n + 1]. Of answers given together the first has the lag
    to the asking of all, the others none. `scratch` is where arrays lie that are as long as these.
    """

    student_ids: tuple[str, ...]
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    skills: NDArray[np.int64]
    responses: NDArray[np.int64]
    begins: NDArray[np.bool_]
    lags: NDArray[np.float32]
    elapsed: NDArray[np.float32]
    groups: NDArray[np.int64]

    scratch: Scratch = MEMORY

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    @property
    def num_answers(self) -> int:
        return len(self.items)

    @cached_property
    def whole(self) -> Pieces:
        """Each history as one piece."""
        return Pieces(self, self.starts[:-1], self.lengths, np.arange(len(self.student_ids)))

    def batch(self, students: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the answers of some students as one padded batch, as long as the longest of them."""
        return self.whole.batch(np.asarray(students))

    def cut(self, longest: int) -> Pieces:
        """Return each history in consecutive pieces of at most `longest` answers.

        A piece knows nothing of the one before it, so its first answer begins anew.
        """
        num_pieces = -(-self.lengths // longest)
        owners = np.repeat(np.arange(len(num_pieces)), num_pieces)
        place = np.arange(num_pieces.sum()) - np.repeat(np.cumsum(num_pieces) - num_pieces, num_pieces)
        firsts = self.starts[owners] + longest * place
        return Pieces(self, firsts, np.minimum(self.starts[owners + 1] - firsts, longest), owners)


def build_vocabulary(dataset: Dataset, students: Iterable[str]) -> Vocabulary:
    """Return every item of the data with the counts of these students' answers (the training part), and the skills
    they met.

    An item's skills are those it was most often logged with. An item that only other students answered, or that is
    only described, is in the catalogue with its skills and no counts: its place among the items is no secret, its
    answers are.
    """
    if dataset.shards is not None:
        return vocabulary_of(met_in_shards(dataset, dataset.shards, students), dataset)
    met = Met(has_lags=False, has_elapsed=False)
    for student_id in students:
        history = dataset.students[student_id]
        met.has_lags = met.has_lags or any(lag != UNKNOWN_TIME for lag in lags_of(history))
        for interaction in history:
            item_id = interaction.item_id
            met.has_elapsed = met.has_elapsed or interaction.elapsed_seconds is not None
            if item_id not in met.counts:
                met.counts[item_id] = [0] * dataset.num_categories
                met.skill_sets[item_id] = Counter()
            met.counts[item_id][interaction.response] += 1
            met.skill_sets[item_id][distinct(interaction.skill_ids)] += 1
    for history in dataset.students.values():
        for interaction in history:
            if interaction.item_id not in met.counts:
                of_item = met.unanswered.setdefault(interaction.item_id, Counter())
                of_item[distinct(interaction.skill_ids)] += 1
    return vocabulary_of(met, dataset)


def vocabulary_of(met: Met, dataset: Dataset) -> Vocabulary:
    skill_ids = dict.fromkeys(
        skill for sets in met.skill_sets.values() for skills in sets for skill in skills
    )
    nothing = [0] * dataset.num_categories
    # What is only described widens no model: an item has at most as many skills as those that were answered.
    widest = max((len(skills) for sets in met.skill_sets.values() for skills in sets), default=1)
    described = {i: Counter([distinct(d.skill_ids)[:widest]]) for i, d in dataset.described.items()}
    unanswered = described | met.unanswered
    counts = met.counts | {i: nothing for i in (*met.unanswered, *described) if i not in met.counts}
    skill_sets = unanswered | met.skill_sets
    return Vocabulary(
        items=tuple(
            CatalogueItem(
                item_id=item_id,
                # Of an item that only others answered, the skills that training met: no one knows of the rest.
                skill_ids=tuple(s for s in skill_sets[item_id].most_common(1)[0][0] if s in skill_ids),
                category_counts=tuple(item_counts),
            )
            for item_id, item_counts in counts.items()
        ),
        skill_ids=tuple(skill_ids),
        num_categories=dataset.num_categories,
        skill_names={skill: name for skill, name in dataset.skill_names.items() if skill in skill_ids},
        has_lags=met.has_lags,
        has_elapsed=met.has_elapsed,
    )


def encode(
    dataset: Dataset,
    students: Sequence[str],
    vocabulary: Vocabulary,
    *,
    groups: Mapping[str, int] | None = None,
    scratch: Scratch = MEMORY,
) -> Sequences:
    """Return the histories of some students as arrays; what the vocabulary does not know becomes UNSEEN, times that
    training had not become UNKNOWN_TIME.

    The lag of answers given together ends where the first of them was asked: the time spent on all is taken off.
    `groups` gives training students their group, from 1; all others are in none. `scratch` makes the arrays.
    """
    starts = np.zeros(len(students) + 1, dtype=np.int64)
    np.cumsum([len(dataset.students[student_id]) for student_id in students], out=starts[1:])
    count = int(starts[-1])
    sequences = Sequences(
        tuple(students),
        starts,
        items=scratch.empty((count,), np.int64),
        skills=scratch.empty((count, vocabulary.skills_per_item), np.int64),
        responses=scratch.empty((count,), np.int64),
        begins=scratch.empty((count,), np.bool_),
        lags=scratch.empty((count,), np.float32),
        elapsed=scratch.empty((count,), np.float32),
        groups=np.array([(groups or {}).get(student_id, 0) for student_id in students], dtype=np.int64),
        scratch=scratch,
    )
    if dataset.shards is None:
        _fill(sequences, dataset, vocabulary)
    else:
        fill_from_shards(sequences, dataset.shards, vocabulary)
    return sequences


def _fill(sequences: Sequences, dataset: Dataset, vocabulary: Vocabulary) -> None:
    rows: dict[tuple[str, ...], list[int]] = {}
    position = 0
    for student_id in sequences.student_ids:
        history = dataset.students[student_id]
        here = slice(position, position + len(history))
        sequences.begins[here] = begins_of(history)
        sequences.lags[here] = lags_of(history) if vocabulary.has_lags else UNKNOWN_TIME
        for interaction in history:
            skill_ids = interaction.skill_ids or vocabulary.skills_of(interaction.item_id)
            row = rows.get(skill_ids)
            if row is None:
                row = rows[skill_ids] = vocabulary.skill_row(skill_ids)
            sequences.items[position] = vocabulary.item_index(interaction.item_id)
            sequences.skills[position] = row
            sequences.responses[position] = interaction.response
            seconds = interaction.elapsed_seconds if vocabulary.has_elapsed else None
            sequences.elapsed[position] = UNKNOWN_TIME if seconds is None else seconds
            position += 1


def training_answers(
    vocabulary: Vocabulary, train: Sequences, *, described: Mapping[str, DescribedItem] | None = None
) -> TrainingAnswers:
    """Return what models may read off the training part, and off the content of items, before any gradient step."""
    counts = torch.zeros(1 + NUM_GROUPS, vocabulary.num_item_indices, vocabulary.num_categories)
    counts[0] = category_counts(vocabulary)
    for stretch in train.whole.stretches():
        owners = np.repeat(stretch.groups, stretch.lengths)
        grouped = owners > 0
        where = stretch.where[grouped]
        cells = (owners[grouped], train.items[where], train.responses[where])
        counts.index_put_(tuple(map(torch.from_numpy, cells)), torch.ones(len(where)), accumulate=True)
    return TrainingAnswers(
        counts=counts,
        item_skills=item_skills(vocabulary),
        item_positions=item_positions(vocabulary),
        batches=lambda: _reading_batches(train),
        contents=content_vectors(vocabulary, described or {}),
    )


def item_skills(vocabulary: Vocabulary) -> torch.Tensor:
    """Return the skills (num_items, S) of every item index; padding and the unseen item have none."""
    nothing = [[PADDING] * vocabulary.skills_per_item] * FIRST_KNOWN
    return torch.tensor([*nothing, *(vocabulary.skill_row(item.skill_ids) for item in vocabulary.items)])


def _reading_batches(train: Sequences) -> Iterator[Batch]:
    number = 0
    for first in range(0, len(train.student_ids), READING_BATCH):
        stretch = train.whole.stretch(slice(first, first + READING_BATCH))
        count = len(stretch.containers.sizes)
        # One container begins with its first answer, the next with its second: none is always left to others' history.
        yield stretch.batch(None if stretch.containers.are_single else number + np.arange(count))
        number += count


def item_positions(vocabulary: Vocabulary) -> torch.Tensor:
    """Return places (num_items,) of items along the natural order of their ids: item 9 before item 10.

    Ids that differ only in their last number stand as far apart as those numbers, at most FARTHEST; others FARTHEST,
    or less where so many items would not have whole numbers of their own in float32. Padding and unseen have 0.
    """
    places = _places(vocabulary, FARTHEST)
    if places.max() >= WHOLE_NUMBERS:
        places = _places(vocabulary, max(1, WHOLE_NUMBERS // len(places) - 1))
    return places.float()


def _places(vocabulary: Vocabulary, farthest: int) -> torch.Tensor:
    keys = [_natural(item.item_id) for item in vocabulary.items]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    places = torch.zeros(vocabulary.num_item_indices, dtype=torch.float64)
    place = float(farthest)
    for n, current in enumerate(order):
        if n:
            before, here = keys[order[n - 1]], keys[current]
            related = before[:-1] == here[:-1] and here[-1][0] == before[-1][0] == 1
            place += min(here[-1][1] - before[-1][1], farthest) if related else farthest
        places[current + FIRST_KNOWN] = place
    return places


def _natural(item_id: str) -> list[tuple[int, int, str]]:
    """Return an id as a key that sorts as people do: numbers by value, after text."""
    parts = [part for part in re.split(r"(\d+)", item_id) if part]
    return [
        (1, int(part), "") if part.isdecimal() and len(part) <= LONGEST_NUMBER else (0, 0, part)
        for part in parts
    ]


def category_counts(vocabulary: Vocabulary) -> torch.Tensor:
    """Return the training answers of each item in each category, (num_items, K), zero for padding and unseen."""
    known = [item.category_counts for item in vocabulary.items]
    nothing = (0,) * vocabulary.num_categories
    return torch.tensor([nothing, nothing, *known], dtype=torch.float32)


def sizes_of(vocabulary: Vocabulary) -> Sizes:
    return Sizes(
        num_items=vocabulary.num_item_indices,
        num_skills=vocabulary.num_skill_indices,
        num_categories=vocabulary.num_categories,
    )
