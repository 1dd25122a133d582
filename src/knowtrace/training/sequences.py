"""Interactions as the arrays that models learn from, and the vocabulary that turns ids into indices."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.domain import (
    FIRST_KNOWN,
    PADDING,
    UNKNOWN_TIME,
    CatalogueItem,
    Vocabulary,
)
from knowtrace.models import Batch, Sizes, TrainingAnswers
from knowtrace.sources import Dataset
from knowtrace.training.containers import Containers, begins_of, lags_of
from knowtrace.training.persons import NUM_GROUPS

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
    to the asking of all, the others none.
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

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    @property
    def num_answers(self) -> int:
        return len(self.items)

    @cached_property
    def containers(self) -> Containers:
        return Containers(self.begins)

    def batch(self, students: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the answers of some students as one padded batch, as long as the longest of them."""
        chosen = np.asarray(students)
        lengths = self.lengths[chosen]
        steps = np.arange(lengths.max())
        valid = steps < lengths[:, None]  # (B, T)
        where = np.where(valid, self.starts[chosen][:, None] + steps, 0)
        return Batch(
            items=torch.from_numpy(np.where(valid, self.items[where], 0)),
            skills=torch.from_numpy(np.where(valid[..., None], self.skills[where], 0)),
            responses=torch.from_numpy(np.where(valid, self.responses[where], 0)),
            valid=torch.from_numpy(valid),
            targets=torch.from_numpy(valid & self.begins[where]),
            lags=torch.from_numpy(np.where(valid, self.lags[where], np.float32(UNKNOWN_TIME))),
            elapsed=torch.from_numpy(np.where(valid, self.elapsed[where], np.float32(UNKNOWN_TIME))),
            groups=torch.from_numpy(self.groups[chosen]),
        )

    def beginnings(self, longest: int) -> "Sequences":
        """Return the first `longest` answers of each history."""
        lengths = np.minimum(self.lengths, longest)
        if lengths.sum() == self.num_answers:
            return self
        starts = np.concatenate([[0], np.cumsum(lengths)])
        kept = np.repeat(self.starts[:-1] - starts[:-1], lengths) + np.arange(starts[-1])
        return replace(
            self,
            starts=starts,
            items=self.items[kept],
            skills=self.skills[kept],
            responses=self.responses[kept],
            begins=self.begins[kept],
            lags=self.lags[kept],
            elapsed=self.elapsed[kept],
        )

    def turned(self, shifts: NDArray[np.int64]) -> "Sequences":
        """Return the same answers with each container, shifts (C,), turned as `Containers.turned` says; lags stay."""
        if self.containers.are_single:
            return self
        order = self.containers.turned(shifts)
        return replace(
            self,
            items=self.items[order],
            skills=self.skills[order],
            responses=self.responses[order],
            elapsed=self.elapsed[order],
        )

    def cut(self, longest: int) -> "Sequences":
        """Return the same answers with each history cut into consecutive pieces of at most `longest` answers.

        A piece knows nothing of the one before it, so its first answer begins anew.
        """
        starts = [
            start
            for first, last in zip(self.starts[:-1], self.starts[1:], strict=True)
            for start in range(int(first), int(last), longest)
        ]
        owners = np.searchsorted(self.starts, starts, side="right") - 1
        begins = self.begins.copy()
        begins[starts] = True
        return replace(
            self,
            student_ids=tuple(self.student_ids[owner] for owner in owners),
            starts=np.array([*starts, self.num_answers]),
            begins=begins,
            groups=self.groups[owners],
        )


def build_vocabulary(dataset: Dataset, students: Iterable[str]) -> Vocabulary:
    """Return every item of the data with the counts of these students' answers (the training part), and the skills
    they met.

    An item's skills are those it was most often logged with. An item that only other students answered is in the
    catalogue with its skills and no counts: its place among the items is no secret, its answers are.
    """
    counts: dict[str, list[int]] = {}
    skill_sets: dict[str, Counter[tuple[str, ...]]] = {}
    has_lags = has_elapsed = False
    for student_id in students:
        history = dataset.students[student_id]
        has_lags = has_lags or any(lag != UNKNOWN_TIME for lag in lags_of(history))
        for interaction in history:
            item_id = interaction.item_id
            has_elapsed = has_elapsed or interaction.elapsed_seconds is not None
            if item_id not in counts:
                counts[item_id] = [0] * dataset.num_categories
                skill_sets[item_id] = Counter()
            counts[item_id][interaction.response] += 1
            skill_sets[item_id][_distinct(interaction.skill_ids)] += 1
    skill_ids = dict.fromkeys(skill for sets in skill_sets.values() for skills in sets for skill in skills)
    unanswered: dict[str, Counter[tuple[str, ...]]] = {}
    for history in dataset.students.values():
        for interaction in history:
            if interaction.item_id not in counts:
                unanswered.setdefault(interaction.item_id, Counter())[_distinct(interaction.skill_ids)] += 1
    nothing = [0] * dataset.num_categories
    for item_id, sets in unanswered.items():
        counts[item_id], skill_sets[item_id] = nothing, sets
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
        has_lags=has_lags,
        has_elapsed=has_elapsed,
    )


def _distinct(skill_ids: tuple[str, ...]) -> tuple[str, ...]:
    return skill_ids if len(skill_ids) < 2 else tuple(dict.fromkeys(skill_ids))


def encode(
    dataset: Dataset,
    students: Sequence[str],
    vocabulary: Vocabulary,
    *,
    groups: Mapping[str, int] | None = None,
) -> Sequences:
    """Return the histories of some students as arrays; what the vocabulary does not know becomes UNSEEN, times that
    training had not become UNKNOWN_TIME.

    The lag of answers given together ends where the first of them was asked: the time spent on all is taken off.
    `groups` gives training students their group, from 1; all others are in none.
    """
    starts = np.zeros(len(students) + 1, dtype=np.int64)
    np.cumsum([len(dataset.students[student_id]) for student_id in students], out=starts[1:])
    rows: dict[tuple[str, ...], list[int]] = {}
    items = np.empty(starts[-1], dtype=np.int64)
    skills = np.empty((starts[-1], vocabulary.skills_per_item), dtype=np.int64)
    responses = np.empty(starts[-1], dtype=np.int64)
    begins = np.empty(starts[-1], dtype=bool)
    lags = np.full(starts[-1], UNKNOWN_TIME, dtype=np.float32)
    elapsed = np.empty(starts[-1], dtype=np.float32)
    position = 0
    for student_id in students:
        history = dataset.students[student_id]
        here = slice(position, position + len(history))
        begins[here] = begins_of(history)
        if vocabulary.has_lags:
            lags[here] = lags_of(history)
        for interaction in history:
            skill_ids = interaction.skill_ids or vocabulary.skills_of(interaction.item_id)
            row = rows.get(skill_ids)
            if row is None:
                row = rows[skill_ids] = vocabulary.skill_row(skill_ids)
            items[position] = vocabulary.item_index(interaction.item_id)
            skills[position] = row
            responses[position] = interaction.response
            seconds = interaction.elapsed_seconds if vocabulary.has_elapsed else None
            elapsed[position] = UNKNOWN_TIME if seconds is None else seconds
            position += 1
    return Sequences(
        tuple(students),
        starts,
        items,
        skills,
        responses,
        begins,
        lags,
        elapsed,
        np.array([(groups or {}).get(student_id, 0) for student_id in students], dtype=np.int64),
    )


def training_answers(vocabulary: Vocabulary, train: Sequences) -> TrainingAnswers:
    """Return what models may read off the training part before any gradient step."""
    owners = np.repeat(train.groups, train.lengths)
    counts = torch.zeros(1 + NUM_GROUPS, vocabulary.num_item_indices, vocabulary.num_categories)
    counts[0] = category_counts(vocabulary)
    grouped = owners > 0
    where = tuple(torch.from_numpy(a[grouped]) for a in (owners, train.items, train.responses))
    counts.index_put_(where, torch.ones(int(grouped.sum())), accumulate=True)
    nothing = [[PADDING] * vocabulary.skills_per_item] * FIRST_KNOWN
    # One container begins with its first answer, the next with its second: none is always left to others' history.
    turned = train.turned(np.arange(len(train.containers.sizes)))
    return TrainingAnswers(
        counts=counts,
        item_skills=torch.tensor(
            [*nothing, *(vocabulary.skill_row(item.skill_ids) for item in vocabulary.items)]
        ),
        item_positions=item_positions(vocabulary),
        batches=lambda: (
            turned.batch(np.arange(first, min(first + READING_BATCH, len(turned.student_ids))))
            for first in range(0, len(turned.student_ids), READING_BATCH)
        ),
    )


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
