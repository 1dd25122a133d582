"""Students and their answers, by pages."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, field_validator

from knowtrace.service.fields import Computed, Id, Query
from knowtrace.service.mastery.schemas import SkillMastery

Position = Annotated[int, Field(ge=0, lt=2**63)]
CURSOR: TypeAdapter[tuple[datetime, int]] = TypeAdapter(tuple[AwareDatetime, Position])


class StudentsQuery(Query):
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Id | None = None


class StudentOut(BaseModel):
    student_id: str
    num_answers: int
    last_answered_at: datetime | None


class StudentsOut(BaseModel):
    """Students by id; `next_cursor` is null on the last page."""

    students: list[StudentOut]
    next_cursor: str | None


class HistoryQuery(Query):
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Annotated[str, Field(max_length=200)] | None = None

    @field_validator("cursor")
    @classmethod
    def _is_ours(cls, cursor: str | None) -> str | None:
        if cursor is not None:
            read_cursor(cursor)
        return cursor


class StoredAnswer(BaseModel):
    """One answer of the log. `skill_ids` are those it was sent with, else the catalogue's."""

    position: int
    event_id: str
    item_id: str
    skill_ids: list[str]
    response: int
    answered_at: datetime
    received_at: datetime
    elapsed_seconds: float | None
    hints_used: int | None
    attempt: int | None
    session_id: str | None


class HistoryOut(BaseModel):
    """A student's answers from the newest back; `next_cursor` is null on the last page."""

    student_id: str
    events: list[StoredAnswer]
    next_cursor: str | None


class StreamMessage(BaseModel):
    """One message of a stream; `data` is JSON."""

    event: Literal["answer", "revision", "closed"]
    data: str


class TimelineQuery(Query):
    limit: Annotated[int, Field(ge=1, le=2_000)] = 200
    skill: Id | None = None


class TimelinePoint(BaseModel):
    """The mastery of the skills one answer touched, right after it."""

    event_id: str
    item_id: str
    response: int
    answered_at: datetime
    mastery: list[SkillMastery]


class TimelineOut(Computed):
    """A student's last answers, oldest first, each with the mastery it led to."""

    student_id: str
    points: list[TimelinePoint]


def write_cursor(answered_at: datetime, position: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([answered_at, position])).decode()


def read_cursor(cursor: str) -> tuple[datetime, int]:
    """Return the (answered_at, position) of a cursor.

    Raises:
        ValueError: it is not one of ours.
    """
    try:
        at, position = CURSOR.validate_json(base64.urlsafe_b64decode(cursor.encode("ascii")))
        return at.astimezone(UTC), position
    except (ValueError, OverflowError, binascii.Error):
        raise ValueError("is not a cursor of ours: use the next_cursor of an answer") from None
