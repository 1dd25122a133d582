"""The mastery vector, in the words of the tutor that asks for it."""

from pydantic import BaseModel

from knowtrace.service.fields import Answered, ByStudent, Computed, Query, Share


class VectorQuery(Query, ByStudent):
    """Whose vector."""


class NextItem(BaseModel):
    """The weakest skill that has items to offer, and the item of it to ask."""

    skill: str
    skill_name: str
    mastery: Share
    item_id: str
    expected_success: Share
    reason: str
    decision_id: str


class MasteryVector(Answered, Computed):
    """The mastery of every skill the model knows; `recommendation` is null when no item is worth asking."""

    mastery: dict[str, Share]
    num_answers: int
    recommendation: NextItem | None
