"""What an answer counts as when it is named by its skill alone."""

from types import SimpleNamespace
from typing import cast

import pytest

from knowtrace.domain import CatalogueItem, Vocabulary
from knowtrace.service.inference.computing import NO_ITEM, AskedItem, Inference, PastAnswer, history_of
from knowtrace.tracing import Tracer


def tracer_over(*items: CatalogueItem) -> Tracer:
    skill_ids = tuple(dict.fromkeys(skill for item in items for skill in item.skill_ids))
    vocabulary = Vocabulary(items=items, skill_ids=skill_ids, num_categories=2)
    return cast(Tracer, SimpleNamespace(vocabulary=vocabulary))


def item(item_id: str, *skill_ids: str) -> CatalogueItem:
    return CatalogueItem(item_id=item_id, skill_ids=skill_ids, category_counts=(1, 1))


SKILLS_ONLY = (item("19", "19"), item("20", "20"))
ONE_NAMESAKE = (item("19", "19"), item("i7", "20"))


@pytest.mark.parametrize(("items", "expected"), [(SKILLS_ONLY, "19"), (ONE_NAMESAKE, NO_ITEM)])
def test_where_training_had_skills_alone_a_skill_is_the_item(
    items: tuple[CatalogueItem, ...], expected: str
) -> None:
    """ASSISTments 2015 has no item: its skills were learnt as items. One namesake among items is a coincidence."""
    tracer = tracer_over(*items)
    [past] = history_of(tracer, [PastAnswer(place="", skill_ids=("19",), correct=True)])
    assert (past.item_id, past.skill_ids) == (expected, ("19",))
    inference = Inference(tracer, [], [AskedItem(skill_ids=("19",)), AskedItem(skill_ids=("19", "20"))])
    assert [item_id for item_id, _ in inference.questions] == [expected, NO_ITEM]
