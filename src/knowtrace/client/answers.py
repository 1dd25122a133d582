"""What the service answers. Fields it may add later are passed over, so that an older client goes on working."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """One answer, or a part of one; never changed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Return the answer that a body is.

        Raises:
            ValidationError: it is another one.
        """
        return cls.model_validate_json(content)


class Nothing(Answer):
    """It was done, and there is nothing to say."""

    @classmethod
    def read(cls, content: bytes) -> Self:
        return cls.model_validate_json(content or b"{}")


class SkillMastery(Answer):
    """Expected success of a student on a skill, in [0, 1], and how sure that is.

    `interval` holds the true success rate with the probability that the model's run states. `interaction_count` is the
    evidence; 0 means the expectation of any student.
    """

    skill_id: str
    skill_name: str
    mastery: float
    interval: tuple[float, float]
    interaction_count: int
    last_updated: datetime | None
    state: str


class EventResult(Answer):
    """What became of one event; `reason` says why it was rejected."""

    event_id: str
    status: Literal["accepted", "duplicate", "rejected"]
    reason: str | None
    mastery: list[SkillMastery]
    notes: list[str]
    student_id: str | None = None


class SingleEventResult(EventResult):
    """What became of the one event that was sent."""

    model_version: str
    degraded: bool


class EventsResult(Answer):
    """What became of each event, in the order they were sent."""

    results: list[EventResult]
    num_accepted: int
    num_duplicate: int
    num_rejected: int
    model_version: str
    degraded: bool


class Revision(Answer):
    """How a stored event stands after a correction or withdrawal; `mastery` is as of now."""

    event_id: str
    status: Literal["corrected", "withdrawn", "unchanged"]
    revision: int
    mastery: list[SkillMastery]
    model_version: str
    degraded: bool


class StudentMastery(Answer):
    """What a student knows, skill by skill."""

    student_id: str
    num_answers: int
    last_answered_at: datetime | None
    skills: list[SkillMastery]
    note: str | None
    model_version: str
    degraded: bool


class Prediction(Answer):
    """Expected success by item; `confidence_scores` say how much evidence stands behind each, null for none."""

    predictions: dict[str, float]
    confidence_scores: dict[str, float | None]
    topic_mastery: dict[str, float]
    num_answers: int
    notes: list[str]
    model_version: str
    degraded: bool


class RecommendedItem(Answer):
    """One item to ask, and why; `difficulty` in logits."""

    item_id: str
    expected_success: float
    difficulty: float | None
    reason: str
    recommendation_type: str
    decision_id: str


class Recommendations(Answer):
    """Items to ask next in one skill, best first."""

    skill: str
    skill_name: str
    mastery: float
    interval: tuple[float, float]
    interaction_count: int
    recommendations: list[RecommendedItem]
    item_health_flags: list[dict[str, Any]]
    num_candidates: int
    decision_id: str
    notes: list[str]
    model_version: str
    degraded: bool


class StudentSummary(Answer):
    """One student who has answered."""

    student_id: str
    num_answers: int
    last_answered_at: datetime | None


class StudentsPage(Answer):
    """Students by id; `next_cursor` is None on the last page."""

    students: list[StudentSummary]
    next_cursor: str | None


class Health(Answer):
    """The service takes answers and gives them: what it checked, and the model it answers with."""

    status: str
    model_version: str
    checks: dict[str, str]
