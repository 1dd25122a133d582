"""What the service does at set times."""

from datetime import datetime

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, get, post, segment


class ScheduleRun(Answer):
    """One run. `detail` says what it did, or why it failed; `attempts` counts processes that began it."""

    due_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    detail: str
    attempts: int


class Schedule(Answer):
    """A schedule and its last runs, the newest first. `rule` is in UTC; `needs` names the settings that it lacks."""

    name: str
    summary: str
    rule: str
    next_due_at: datetime | None
    is_configured: bool
    needs: str | None
    runs: list[ScheduleRun]


class Schedules(Answer):
    """Every schedule there is."""

    schedules: list[Schedule]


def read() -> Call[Schedules]:
    return get("/api/v1/schedules", Schedules)


def begin(name: str) -> Call[ScheduleRun]:
    """Begin a schedule now, in the background; sent twice, it may run twice, one after the other."""
    return post(f"/api/v1/schedules/{segment(name)}/run", ScheduleRun, is_repeatable=False)
