"""The answers to each item, counted."""

from collections import Counter
from dataclasses import dataclass, field

from knowtrace.sources.dataset import Dataset


@dataclass(slots=True, kw_only=True)
class ItemCounts:
    """How often each response and each set of skills came with an item."""

    responses: Counter[int] = field(default_factory=Counter[int])
    skill_sets: Counter[tuple[str, ...]] = field(default_factory=Counter[tuple[str, ...]])

    @property
    def num_answers(self) -> int:
        return self.responses.total()


def count_items(dataset: Dataset) -> dict[str, ItemCounts]:
    """Return the counts by item, in the order the items first appear."""
    items: dict[str, ItemCounts] = {}
    for history in dataset.students.values():
        for answer in history:
            if (item := items.get(answer.item_id)) is None:
                item = items[answer.item_id] = ItemCounts()
            item.responses[answer.response] += 1
            item.skill_sets[answer.skill_ids] += 1
    return items
