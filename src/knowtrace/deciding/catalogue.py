"""The items one may recommend, by skill, with how hard they are."""

import math

from knowtrace.domain import CatalogueItem, Vocabulary


class Catalogue:
    """The known items of each skill, in the order of the vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._difficulties: dict[str, tuple[float | None, ...]] = {}

    def items_of(self, skill_id: str) -> tuple[CatalogueItem, ...]:
        return self._vocabulary.items_by_skill.get(skill_id, ())

    def difficulties_of(self, skill_id: str) -> tuple[float | None, ...]:
        """Return `difficulty` of each item of a skill."""
        found = self._difficulties.get(skill_id)
        if found is None:
            found = self._difficulties[skill_id] = tuple(map(difficulty, self.items_of(skill_id)))
        return found


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
