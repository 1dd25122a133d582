"""The items that stand for a skill when its mastery is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import UNSEEN, CatalogueItem, Vocabulary

CALIBRATED_FROM = 10
"""Training answers an item needs before it may stand for a skill."""

PANEL_SIZE = 12


@dataclass(frozen=True)
class Panel:
    """The items of one skill (N,) and their skills (N, S), as indices; `num_calibrated` may be 0."""

    items: NDArray[np.int64]
    skills: NDArray[np.int64]
    num_calibrated: int


@dataclass(frozen=True)
class JoinedPanels:
    """Panels of several skills end to end, so that one call of a model answers for all of them.

    items (N,) · skills (N, S) · starts (P,), where each panel begins · counts (P,), how many items it has.
    """

    items: NDArray[np.int64]
    skills: NDArray[np.int64]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, joined: Sequence[Panel]) -> "JoinedPanels":
        """Join at least one panel."""
        counts = np.array([len(panel.items) for panel in joined])
        return cls(
            items=np.concatenate([panel.items for panel in joined]),
            skills=np.concatenate([panel.skills for panel in joined]),
            starts=counts.cumsum() - counts,
            counts=counts,
        )

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean of values (N,) over each panel, (P,)."""
        return np.add.reduceat(values, self.starts) / self.counts


def panels(vocabulary: Vocabulary) -> dict[str, Panel]:
    """Choose for each skill at most PANEL_SIZE calibrated items, evenly spaced from its hardest to its easiest.

    A skill without a calibrated item is represented by an unseen item of that skill alone: what the model
    expects of a typical new item there.
    """
    by_skill: dict[str, list[CatalogueItem]] = {skill_id: [] for skill_id in vocabulary.skill_ids}
    for item in vocabulary.items:
        if item.num_answers >= CALIBRATED_FROM:
            for skill_id in item.skill_ids:
                by_skill[skill_id].append(item)
    return {skill_id: _panel(vocabulary, skill_id, items) for skill_id, items in by_skill.items()}


def _panel(vocabulary: Vocabulary, skill_id: str, items: list[CatalogueItem]) -> Panel:
    if not items:
        return Panel(np.array([UNSEEN]), np.array([vocabulary.skill_row([skill_id])]), 0)
    items = sorted(items, key=lambda item: (item.mean_score, item.item_id))
    chosen = _evenly(items)
    return Panel(
        np.array([vocabulary.item_index(item.item_id) for item in chosen]),
        np.array([vocabulary.skill_row(item.skill_ids) for item in chosen]),
        len(items),
    )


def _evenly(items: list[CatalogueItem]) -> list[CatalogueItem]:
    if len(items) <= PANEL_SIZE:
        return items
    # The middle of each of PANEL_SIZE equal slices, so that the panel's mean difficulty is the skill's.
    positions: Iterable[int] = ((np.arange(PANEL_SIZE) + 0.5) * len(items) / PANEL_SIZE).astype(int)
    return [items[position] for position in positions]
