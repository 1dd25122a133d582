"""Which items and skills a model knows, and the index each of them has inside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

PADDING = 0
"""The index that stands for "nothing here". It never reaches a real item or skill."""

UNSEEN = 1
"""The index of every item or skill that training did not see."""

FIRST_KNOWN = 2

FROM_OTHERS = "what is foretold of it comes from its skills, its content and the items like it"
"""What to say of an item of the catalogue that no training student answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    """What is known of one item before any model: its skills, and its answers in each category.

    `category_counts` is empty where nobody counted the answers.
    """

    item_id: str
    skill_ids: tuple[str, ...]
    category_counts: tuple[int, ...]

    @property
    def num_answers(self) -> int:
        return sum(self.category_counts)

    @property
    def is_unanswered(self) -> bool:
        """Whether its answers were counted and there are none: all that a model has of it comes from other items."""
        return bool(self.category_counts) and not self.num_answers

    @property
    def mean_score(self) -> float:
        """The mean answer as a share of full credit, in [0, 1]."""
        top = len(self.category_counts) - 1
        return sum(k * count for k, count in enumerate(self.category_counts)) / (top * self.num_answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedItem:
    """An item as whoever made it tells of it: its skills, and the words of its content and of what is noted beside it.

    A word may be any text that several items can share, such as "grade=5"; it stands as often as the item has it.
    """

    item_id: str
    skill_ids: tuple[str, ...]
    words: tuple[str, ...]


class ItemCurve(NamedTuple):
    """An item's curve over ability as a model has it: its middle in logits, its positive slope, the chance to guess."""

    difficulty: float
    discrimination: float
    guessing: float


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Items and skills in index order: position p has index p + FIRST_KNOWN.

    `has_lags` and `has_elapsed` say whether training answers came with these times. A model that learnt without them
    has no idea what they mean, so it is never shown them.
    """

    items: tuple[CatalogueItem, ...]
    skill_ids: tuple[str, ...]
    num_categories: int
    skill_names: dict[str, str] = field(default_factory=dict[str, str])
    has_lags: bool = False
    has_elapsed: bool = False

    @cached_property
    def item_indices(self) -> dict[str, int]:
        return {item.item_id: i for i, item in enumerate(self.items, FIRST_KNOWN)}

    @cached_property
    def skill_indices(self) -> dict[str, int]:
        return {skill_id: i for i, skill_id in enumerate(self.skill_ids, FIRST_KNOWN)}

    @cached_property
    def items_by_skill(self) -> dict[str, tuple[CatalogueItem, ...]]:
        """The known items of each skill, in index order."""
        found: dict[str, list[CatalogueItem]] = {skill_id: [] for skill_id in self.skill_ids}
        for item in self.items:
            for skill_id in item.skill_ids:
                found[skill_id].append(item)
        return {skill_id: tuple(items) for skill_id, items in found.items()}

    @cached_property
    def skills_per_item(self) -> int:
        """The width of a padded row of skills: the most skills any known item has, at least one."""
        return max((len(item.skill_ids) for item in self.items), default=1) or 1

    @property
    def num_item_indices(self) -> int:
        """Rows of an item table, padding and unseen included."""
        return len(self.items) + FIRST_KNOWN

    @property
    def num_skill_indices(self) -> int:
        """Rows of a skill table, padding and unseen included."""
        return len(self.skill_ids) + FIRST_KNOWN

    def item_index(self, item_id: str) -> int:
        return self.item_indices.get(item_id, UNSEEN)

    def item(self, item_id: str) -> CatalogueItem | None:
        index = self.item_indices.get(item_id)
        return None if index is None else self.items[index - FIRST_KNOWN]

    def skills_of(self, item_id: str, skill_ids: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the skills an answer to an item touches: those given, else those of the catalogue.

        Each once, and no more than `skills_per_item`, which is what a model can be told.
        """
        if not skill_ids:
            item = self.item(item_id)
            return item.skill_ids if item else ()
        return tuple(dict.fromkeys(skill_ids))[: self.skills_per_item]

    def skill_row(self, skill_ids: Iterable[str]) -> list[int]:
        """Return the skills' indices, each skill once, unknown ones as UNSEEN, padded to `skills_per_item`.

        Skills beyond that width are dropped: no item of the training data has as many.
        """
        known: Sequence[int] = [
            self.skill_indices.get(skill_id, UNSEEN) for skill_id in dict.fromkeys(skill_ids)
        ]
        width = self.skills_per_item
        return [*known[:width], *([PADDING] * (width - len(known)))]

    def skill_name(self, skill_id: str) -> str:
        return self.skill_names.get(skill_id, skill_id)
