"""Schedules and their runs as they are listed."""

from datetime import datetime

from pydantic import BaseModel

from knowtrace.store import Outcome


class RunOut(BaseModel):
    """One run. `detail` says what it did, or why it failed; `attempts` counts processes that began it."""

    due_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    detail: str
    attempts: int


class ScheduleOut(BaseModel):
    """A schedule and its last runs, the newest first. `rule` is in UTC; `needs` names the settings that it lacks."""

    name: str
    summary: str
    rule: str
    next_due_at: datetime | None
    is_configured: bool
    needs: str | None
    runs: list[RunOut]


class SchedulesOut(BaseModel):
    """Every schedule there is."""

    schedules: list[ScheduleOut]
