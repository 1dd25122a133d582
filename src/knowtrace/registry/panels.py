"""The items that stand for a skill when its mastery is asked: part of a run, so its mastery keeps one meaning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import PADDING, UNSEEN, CatalogueItem, Vocabulary

CALIBRATED_FROM = 10
"""Training answers an item needs before it may stand for a skill."""

PANEL_SIZE = 12

PANEL_ARRAYS = ("panel_items", "panel_skills", "panel_counts", "panel_calibrated")
"""What a file keeps of panels."""


@dataclass(frozen=True)
class Panels:
    """The panels of some skills end to end, so that one call of a model answers for all of them.

    items (N,) and their skills (N, S), as indices · counts (P,), items of each panel · num_calibrated (P,), how many
    items of the skill have enough training answers to stand for it; may be 0 · rows (N,), where the items stand among
    those of all skills.
    """

    items: NDArray[np.int64]
    skills: NDArray[np.int64]
    counts: NDArray[np.int64]
    num_calibrated: NDArray[np.int64]
    rows: NDArray[np.int64]

    @cached_property
    def place(self) -> slice | NDArray[np.int64]:
        """`rows` as what an array is indexed by: a slice, which copies nothing, where they follow one another."""
        first = int(self.rows[0])
        follow = (self.rows == np.arange(first, first + len(self.rows))).all()
        return slice(first, first + len(self.rows)) if follow else self.rows

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each panel begins, (P,)."""
        return self.counts.cumsum() - self.counts

    def take(self, positions: Sequence[int]) -> "Panels":
        """Return the panels at some positions, at least one, in that order."""
        rows = np.concatenate([np.arange(self.counts[p]) + self.starts[p] for p in positions])
        which = list(positions)
        return Panels(
            self.items[rows],
            self.skills[rows],
            self.counts[which],
            self.num_calibrated[which],
            self.rows[rows],
        )

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean of values (N,) over each panel, (P,)."""
        return np.add.reduceat(values, self.starts) / self.counts

    def to_arrays(self) -> dict[str, NDArray[np.int64]]:
        """Return PANEL_ARRAYS by name."""
        kept = (self.items, self.skills, self.counts, self.num_calibrated)
        return dict(zip(PANEL_ARRAYS, kept, strict=True))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], vocabulary: Vocabulary) -> "Panels":
        """Return the panels that a file keeps.

        Raises:
            ValueError: they are not a panel for each skill of the vocabulary.
        """
        kept = [arrays[name] for name in PANEL_ARRAYS]
        if any(array.dtype != np.int64 for array in kept):
            raise ValueError("panels are not whole numbers")
        found = cls(*kept, rows=np.arange(len(kept[0])))
        num_skills = len(vocabulary.skill_ids)
        if not (
            found.counts.shape == found.num_calibrated.shape == (num_skills,)
            and (found.counts > 0).all()
            and _within(found.num_calibrated, vocabulary.num_item_indices)
            and found.items.shape == (found.counts.sum(),)
            and found.skills.shape == (len(found.items), vocabulary.skills_per_item)
            and _within(found.items, vocabulary.num_item_indices)
            and _within(found.skills, vocabulary.num_skill_indices)
        ):
            raise ValueError(f"not a panel for each of {num_skills} skills")
        return found


def choose_panels(vocabulary: Vocabulary) -> Panels:
    """Choose for each skill, in index order, at most PANEL_SIZE calibrated items, evenly spaced in difficulty.

    A panel goes from its hardest item to its easiest. A skill without a calibrated item is represented by an unseen
    item of that skill alone: what the model expects of a typical new item there.
    """
    by_skill: dict[str, list[CatalogueItem]] = {skill_id: [] for skill_id in vocabulary.skill_ids}
    for item in vocabulary.items:
        if item.num_answers >= CALIBRATED_FROM:
            for skill_id in item.skill_ids:
                by_skill[skill_id].append(item)
    items: list[int] = []
    skills: list[list[int]] = []
    counts: list[int] = []
    for skill_id, calibrated in by_skill.items():
        chosen = _evenly(sorted(calibrated, key=lambda item: (item.mean_score, item.item_id)))
        items += [vocabulary.item_index(item.item_id) for item in chosen] or [UNSEEN]
        skills += [vocabulary.skill_row(item.skill_ids) for item in chosen] or [
            vocabulary.skill_row([skill_id])
        ]
        counts.append(max(len(chosen), 1))
    return Panels(
        np.array(items, dtype=np.int64),
        np.array(skills, dtype=np.int64).reshape(len(items), vocabulary.skills_per_item),
        np.array(counts, dtype=np.int64),
        np.array([len(calibrated) for calibrated in by_skill.values()], dtype=np.int64),
        np.arange(len(items)),
    )


def _evenly(items: list[CatalogueItem]) -> list[CatalogueItem]:
    if len(items) <= PANEL_SIZE:
        return items
    # The middle of each of PANEL_SIZE equal slices, so that the panel's mean difficulty is the skill's.
    positions: Iterable[int] = ((np.arange(PANEL_SIZE) + 0.5) * len(items) / PANEL_SIZE).astype(int)
    return [items[position] for position in positions]


def _within(indices: NDArray[np.int64], size: int) -> bool:
    return bool(((indices >= PADDING) & (indices < size)).all())
