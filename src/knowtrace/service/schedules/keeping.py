"""Run schedules in this process, beside those of others: each due time is run by one of them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from knowtrace.jobs import Crew, Timetable
from knowtrace.service.classroom import Classroom
from knowtrace.service.delivery.alerts import schedule_failed
from knowtrace.service.schedules.work import schedules_of
from knowtrace.store import Outcome, ScheduleRun, Transaction

ENDED = (Outcome.DONE, Outcome.REFUSED, Outcome.FAILED, Outcome.LOST)

log: Any = structlog.get_logger("knowtrace.schedules")


@asynccontextmanager
async def keeping_time(classroom: Classroom) -> AsyncGenerator[Timetable]:
    """Look again and again what is due; what runs on the way out is left for the next process to begin again.

    Raises:
        SettingsError: a rule is none.
    """
    settings = classroom.settings
    schedules = schedules_of(settings, classroom)

    def note(run: ScheduleRun, outcome: Outcome) -> None:
        has_failed = outcome in (Outcome.FAILED, Outcome.LOST)
        told = log.warning if has_failed else log.info
        told("schedule", schedule=run.schedule, due_at=run.due_at.isoformat(), outcome=outcome.value)
        if outcome in ENDED:
            classroom.metrics.schedule_ended(run.schedule, outcome)

    async def tell(transaction: Transaction, run: ScheduleRun, outcome: Outcome) -> None:
        alert = schedule_failed(run, outcome)
        await classroom.mailroom.tell_alert(transaction, alert, at=datetime.now(UTC))

    async with Timetable(
        classroom.store, schedules, now=lambda: datetime.now(UTC), note=note, tell=tell
    ) as timetable:
        due = [schedule.name for schedule in schedules if schedule.work is not None]
        classroom.metrics.watch_schedules(due, ENDED)
        turns = [partial(timetable.take_turn, name) for name in due] if settings.run_schedules else []
        async with Crew(
            turns,
            poll_seconds=settings.schedule_poll_seconds,
            drain=classroom.drain,
            wake=asyncio.Event(),
        ):
            yield timetable
