"""Which skills and items the model knows."""

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, get


class Skill(Answer):
    """A skill; its mastery rests on `num_calibrated_items` items that have enough training answers."""

    skill_id: str
    skill_name: str
    num_items: int
    num_calibrated_items: int


class SkillsPage(Answer):
    """Skills in the model's order; `next_cursor` is None on the last page."""

    skills: list[Skill]
    next_cursor: str | None
    model_version: str


class Item(Answer):
    """What training data say of an item; `mean_score` and `difficulty` (logits) are None without answers."""

    item_id: str
    skill_ids: list[str]
    num_answers: int
    mean_score: float | None
    difficulty: float | None


class ItemsPage(Answer):
    """Items in the model's order; `next_cursor` is None on the last page."""

    items: list[Item]
    next_cursor: str | None
    model_version: str


def skills(*, limit: int | None = None, cursor: str | None = None) -> Call[SkillsPage]:
    return get("/api/v1/skills", SkillsPage, limit=limit, cursor=cursor)


def items(
    *, skill: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[ItemsPage]:
    """List all items, or those of one skill."""
    return get("/api/v1/items", ItemsPage, skill=skill, limit=limit, cursor=cursor)
