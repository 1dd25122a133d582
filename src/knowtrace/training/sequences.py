"""Interactions as the arrays that models learn from, and the vocabulary that turns ids into indices."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.domain import CatalogueItem, Vocabulary
from knowtrace.models import Batch, Sizes
from knowtrace.sources import Dataset


@dataclass(frozen=True, eq=False)
class Sequences:
    """Answers of N students, M in all, one slice per student, in order.

    starts (N + 1,) · items (M,) · skills (M, S) · responses (M,); student n owns starts[n]:starts[n + 1].
    """

    student_ids: tuple[str, ...]
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    skills: NDArray[np.int64]
    responses: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    @property
    def num_answers(self) -> int:
        return len(self.items)

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
        )

    def cut(self, longest: int) -> "Sequences":
        """Return the same answers with each history cut into consecutive pieces of at most `longest` answers."""
        starts = [
            start
            for first, last in zip(self.starts[:-1], self.starts[1:], strict=True)
            for start in range(int(first), int(last), longest)
        ]
        owners = np.searchsorted(self.starts, starts, side="right") - 1
        return Sequences(
            student_ids=tuple(self.student_ids[owner] for owner in owners),
            starts=np.array([*starts, self.num_answers]),
            items=self.items,
            skills=self.skills,
            responses=self.responses,
        )


def build_vocabulary(dataset: Dataset, students: Iterable[str]) -> Vocabulary:
    """Return the items and skills that these students (the training part) answered, with their counts.

    An item's skills are those it was most often logged with.
    """
    counts: dict[str, list[int]] = {}
    skill_sets: dict[str, Counter[tuple[str, ...]]] = {}
    for student_id in students:
        for interaction in dataset.students[student_id]:
            item_id = interaction.item_id
            if item_id not in counts:
                counts[item_id] = [0] * dataset.num_categories
                skill_sets[item_id] = Counter()
            counts[item_id][interaction.response] += 1
            skill_sets[item_id][interaction.skill_ids] += 1
    skill_ids = dict.fromkeys(skill for sets in skill_sets.values() for skills in sets for skill in skills)
    return Vocabulary(
        items=tuple(
            CatalogueItem(
                item_id=item_id,
                skill_ids=skill_sets[item_id].most_common(1)[0][0],
                category_counts=tuple(item_counts),
            )
            for item_id, item_counts in counts.items()
        ),
        skill_ids=tuple(skill_ids),
        num_categories=dataset.num_categories,
        skill_names={skill: name for skill, name in dataset.skill_names.items() if skill in skill_ids},
    )


def encode(dataset: Dataset, students: Sequence[str], vocabulary: Vocabulary) -> Sequences:
    """Return the histories of some students as arrays; what the vocabulary does not know becomes UNSEEN."""
    starts = np.zeros(len(students) + 1, dtype=np.int64)
    np.cumsum([len(dataset.students[student_id]) for student_id in students], out=starts[1:])
    rows: dict[tuple[str, ...], list[int]] = {}
    items = np.empty(starts[-1], dtype=np.int64)
    skills = np.empty((starts[-1], vocabulary.skills_per_item), dtype=np.int64)
    responses = np.empty(starts[-1], dtype=np.int64)
    position = 0
    for student_id in students:
        for interaction in dataset.students[student_id]:
            row = rows.get(interaction.skill_ids)
            if row is None:
                row = rows[interaction.skill_ids] = vocabulary.skill_row(interaction.skill_ids)
            items[position] = vocabulary.item_index(interaction.item_id)
            skills[position] = row
            responses[position] = interaction.response
            position += 1
    return Sequences(tuple(students), starts, items, skills, responses)


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
