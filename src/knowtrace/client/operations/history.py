"""What a student has answered, and the mastery that each answer led to."""

from datetime import datetime

from knowtrace.client.answers import Answer, SkillMastery
from knowtrace.client.call import Call, get, segment


class StoredAnswer(Answer):
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


class HistoryPage(Answer):
    """Answers from the newest back; `next_cursor` is None on the last page."""

    student_id: str
    events: list[StoredAnswer]
    next_cursor: str | None


class TimelinePoint(Answer):
    """The mastery of the skills one answer touched, right after it."""

    event_id: str
    item_id: str
    response: int
    answered_at: datetime
    mastery: list[SkillMastery]


class Timeline(Answer):
    """A student's last answers, oldest first, each with the mastery it led to."""

    student_id: str
    points: list[TimelinePoint]
    model_version: str
    degraded: bool


def read(student_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[HistoryPage]:
    path = f"/api/v1/students/{segment(student_id)}/events"
    return get(path, HistoryPage, limit=limit, cursor=cursor)


def timeline(student_id: str, *, limit: int | None = None, skill: str | None = None) -> Call[Timeline]:
    path = f"/api/v1/students/{segment(student_id)}/timeline"
    return get(path, Timeline, limit=limit, skill=skill)
