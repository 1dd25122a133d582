"""List what the model knows."""

from collections.abc import Sequence

from knowtrace.deciding import difficulty
from knowtrace.domain import CatalogueItem
from knowtrace.errors import NotFoundError
from knowtrace.service.catalogue.schemas import (
    CatalogueQuery,
    ItemOut,
    ItemsOut,
    ItemsQuery,
    SkillOut,
    SkillsOut,
)
from knowtrace.service.classroom import Classroom


def list_skills(classroom: Classroom, query: CatalogueQuery) -> SkillsOut:
    vocabulary = classroom.tracer.vocabulary
    page, next_cursor = _page(vocabulary.skill_ids, query)
    return SkillsOut(
        skills=[
            SkillOut(
                skill_id=skill_id,
                skill_name=vocabulary.skill_name(skill_id),
                num_items=len(classroom.catalogue.items_of(skill_id)),
                num_calibrated_items=classroom.tracer.num_calibrated(skill_id),
            )
            for skill_id in page
        ],
        next_cursor=next_cursor,
        model_version=classroom.tracer.version,
    )


def list_items(classroom: Classroom, query: ItemsQuery) -> ItemsOut:
    """List the model's items, or those of one skill.

    Raises:
        NotFoundError: the model does not know the skill, or the item the cursor names.
    """
    vocabulary = classroom.tracer.vocabulary
    if query.skill is None:
        items: Sequence[CatalogueItem] = vocabulary.items
    else:
        classroom.tracer.num_calibrated(query.skill)
        items = classroom.catalogue.items_of(query.skill)
    page, next_cursor = _page([item.item_id for item in items], query)
    known = [item for item_id in page if (item := vocabulary.item(item_id))]
    return ItemsOut(
        items=[_item(item) for item in known], next_cursor=next_cursor, model_version=classroom.tracer.version
    )


def _page(ids: Sequence[str], query: CatalogueQuery) -> tuple[Sequence[str], str | None]:
    """Return the ids behind the cursor, which is the last id of the page before, and the next cursor."""
    start = 0
    if query.cursor is not None:
        try:
            start = ids.index(query.cursor) + 1
        except ValueError:
            raise NotFoundError(
                f"cursor {query.cursor!r} is not in this list: use the next_cursor of an answer."
            ) from None
    page = ids[start : start + query.limit]
    return page, page[-1] if start + query.limit < len(ids) else None


def _item(item: CatalogueItem) -> ItemOut:
    return ItemOut(
        item_id=item.item_id,
        skill_ids=list(item.skill_ids),
        num_answers=item.num_answers,
        mean_score=item.mean_score if item.num_answers else None,
        difficulty=difficulty(item),
    )
