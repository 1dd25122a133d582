"""Answers as clients send them, and what they hear back."""

from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import Discriminator, Field, StrictBool, Tag

from knowtrace.service.fields import (
    Answered,
    ByStudent,
    Computed,
    Count,
    Id,
    Seconds,
    Strict,
    Timestamp,
    Whole,
)
from knowtrace.service.mastery.schemas import SkillMastery
from knowtrace.tracing.answers import Answer

MOST_EVENTS = 1_000
MOST_SKILLS = 20


EventInPath = Annotated[Id, Path(description="The answer's event_id; it may hold slashes.")]


class Graded(Strict, ByStudent):
    """What a student answered to an item, and when."""

    item_id: Id
    correct: StrictBool | None = None
    response: Whole | None = Field(default=None, description="Category 0..K-1; K-1 is full credit.")
    answered_at: Timestamp
    skill_ids: Annotated[list[Id], Field(max_length=MOST_SKILLS)] = Field(default_factory=list[str])
    elapsed_seconds: Seconds | None = None
    hints_used: Count | None = None
    attempt: Count | None = None
    session_id: Id | None = None

    def answer_under(self, event_id: str) -> Answer:
        return Answer(
            event_id=event_id,
            student_id=self.student,
            item_id=self.item_id,
            answered_at=self.answered_at,
            correct=self.correct,
            response=self.response,
            skill_ids=tuple(self.skill_ids),
            elapsed_seconds=self.elapsed_seconds,
            hints_used=self.hints_used,
            attempt=self.attempt,
            session_id=self.session_id,
        )


class EventIn(Graded):
    """One graded answer. `event_id` is the client's own and names this answer for ever: sending it again is
    safe.
    """

    event_id: Id

    def to_answer(self) -> Answer:
        return self.answer_under(self.event_id)


class Correction(Graded):
    """A stored answer as it should have been sent: all of it, not only what changes."""


class EventBatch(Strict):
    """Up to 1,000 answers in one call."""

    events: Annotated[list[EventIn], Field(min_length=1)]


def _form(body: Any) -> str:
    if isinstance(body, list):
        return "list"
    return "batch" if isinstance(body, dict) and "events" in body else "event"


Events = Annotated[
    Annotated[EventIn, Tag("event")]
    | Annotated[EventBatch, Tag("batch")]
    | Annotated[list[EventIn], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]


class EventOut(Answered):
    """What became of one answer, and the new mastery of the skills it touched."""

    event_id: str
    status: Literal["accepted", "duplicate", "rejected"]
    reason: str | None
    mastery: list[SkillMastery]
    notes: list[str]


class SingleEventOut(EventOut, Computed):
    """What became of the one answer that was sent."""


class EventsOut(Computed):
    """What became of each answer, in the order they were sent."""

    results: list[EventOut]
    num_accepted: int
    num_duplicate: int
    num_rejected: int


class RevisedEventOut(Answered, Computed):
    """How a stored answer stands after a revision; `revision` counts them, `mastery` is as of today."""

    event_id: str
    status: Literal["corrected", "withdrawn", "unchanged"]
    revision: int
    mastery: list[SkillMastery]
