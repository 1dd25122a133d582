"""Skills and items as they are listed."""

from typing import Annotated

from pydantic import BaseModel, Field

from knowtrace.service.fields import Id, Query


class CatalogueQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Id | None = None


class ItemsQuery(CatalogueQuery):
    skill: Id | None = None


class SkillOut(BaseModel):
    """A skill; its mastery rests on `num_calibrated_items` items that have enough training answers."""

    skill_id: str
    skill_name: str
    num_items: int
    num_calibrated_items: int


class SkillsOut(BaseModel):
    """Skills in the model's order; `next_cursor` is null on the last page."""

    skills: list[SkillOut]
    next_cursor: str | None
    model_version: str


class ItemOut(BaseModel):
    """What training data say of an item; `mean_score` and `difficulty` (logits) are null without answers."""

    item_id: str
    skill_ids: list[str]
    num_answers: int
    mean_score: float | None
    difficulty: float | None


class ItemsOut(BaseModel):
    """Items in the model's order; `next_cursor` is null on the last page."""

    items: list[ItemOut]
    next_cursor: str | None
    model_version: str
