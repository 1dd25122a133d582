"""The items one may recommend, by skill, with how hard they are."""

import math

from knowtrace.domain import CatalogueItem, Vocabulary


class Catalogue:
    """The known items of each skill, in the order of the vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._by_skill: dict[str, list[CatalogueItem]] = {skill_id: [] for skill_id in vocabulary.skill_ids}
        for item in vocabulary.items:
            for skill_id in item.skill_ids:
                self._by_skill[skill_id].append(item)

    def items_of(self, skill_id: str) -> list[CatalogueItem]:
        return self._by_skill.get(skill_id, [])


def difficulty(item: CatalogueItem) -> float | None:
    """Return how hard training data say an item is, in logits: 0 when half the credit is earned, more is
    harder.

    The mean score is shrunk by one answer without and one with full credit, so that it is never infinite.
    None for an item without answers. Students who were given harder items were often stronger: this does not
    correct for it.
    """
    if not item.num_answers:
        return None
    share = (item.mean_score * item.num_answers + 1) / (item.num_answers + 2)
    return -math.log(share / (1 - share))
