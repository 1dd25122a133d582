"""Mastery as it is answered everywhere."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from knowtrace.domain import Mastery, MasteryState, Vocabulary
from knowtrace.service.fields import Computed, Id, Query, Share


class SkillMastery(BaseModel):
    """The expected success of a student on a skill, and how sure that is.

    `interval` holds the student's true success rate with the probability that the run states.
    `interaction_count` is the evidence behind it; 0 means the model's expectation of any student.
    """

    skill_id: str
    skill_name: str
    mastery: Share
    interval: tuple[Share, Share]
    interaction_count: Annotated[int, Field(ge=0)]
    last_updated: datetime | None
    state: MasteryState


class MasteryQuery(Query):
    skill: Id | None = None
    all: bool = False


class StudentMastery(Computed):
    """What a student knows, skill by skill."""

    student_id: str
    num_answers: int
    last_answered_at: datetime | None
    skills: list[SkillMastery]
    note: str | None


def skill_mastery(mastery: Mastery, vocabulary: Vocabulary) -> SkillMastery:
    return SkillMastery(
        skill_id=mastery.skill_id,
        skill_name=vocabulary.skill_name(mastery.skill_id),
        mastery=mastery.estimate,
        interval=(mastery.low, mastery.high),
        interaction_count=mastery.evidence,
        last_updated=mastery.last_answered_at,
        state=mastery.state,
    )
