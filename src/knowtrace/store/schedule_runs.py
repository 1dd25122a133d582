"""What ran at set times: which due time of which schedule, when, and how it ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.job_tables import schedule_runs

c = schedule_runs.c
LONGEST_DETAIL = 4_000


class Outcome(StrEnum):
    """How a run stands. INSTALLED marks the last due time before the schedule was first known: nothing ran then."""

    INSTALLED = "installed"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRun:
    """One run. `detail` says what it did, or why it failed; `attempts` counts processes that began it."""

    schedule: str
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    detail: str
    lease_until: datetime
    worker: str
    attempts: int


class ScheduleRuns:
    """Reads runs, and writes them on a connection that writes: writers take turns, so none is begun twice."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def newest(self, schedule: str, *, limit: int) -> list[ScheduleRun]:
        found = await self._connection.execute(
            sa.select(schedule_runs).where(c.schedule == schedule).order_by(c.due_at.desc()).limit(limit)
        )
        return [_run(row) for row in found.mappings()]

    async def find(self, schedule: str, due_at: datetime) -> ScheduleRun | None:
        found = await self._connection.execute(
            sa.select(schedule_runs).where(c.schedule == schedule, c.due_at == due_at)
        )
        row = found.mappings().first()
        return None if row is None else _run(row)

    async def unfinished(self, schedule: str) -> ScheduleRun | None:
        """Return the run that somebody has begun and not ended."""
        found = await self._connection.execute(
            sa.select(schedule_runs).where(c.schedule == schedule, c.finished_at.is_(None)).limit(1)
        )
        row = found.mappings().first()
        return None if row is None else _run(row)

    async def add(self, run: ScheduleRun) -> None:
        await self._connection.execute(
            sa.insert(schedule_runs), {column.name: getattr(run, column.name) for column in schedule_runs.c}
        )

    async def take_over(self, run: ScheduleRun, *, worker: str, now: datetime, lease_until: datetime) -> None:
        """Begin a run again that another process has left."""
        await self._connection.execute(
            sa.update(schedule_runs)
            .where(c.schedule == run.schedule, c.due_at == run.due_at)
            .values(worker=worker, started_at=now, lease_until=lease_until, attempts=run.attempts + 1)
        )

    async def renew(self, run: ScheduleRun, *, lease_until: datetime) -> bool:
        """Hold a run for longer; False when it is not ours any more."""
        renewed = await self._connection.execute(self._held(run).values(lease_until=lease_until))
        return renewed.rowcount == 1

    async def finish(self, run: ScheduleRun, outcome: Outcome, detail: str, *, at: datetime) -> bool:
        """Write how a run ended, the end of a long detail; False when it is not ours any more."""
        ended = await self._connection.execute(
            self._held(run).values(outcome=outcome, detail=detail[-LONGEST_DETAIL:], finished_at=at)
        )
        return ended.rowcount == 1

    def _held(self, run: ScheduleRun) -> sa.Update:
        return sa.update(schedule_runs).where(
            c.schedule == run.schedule,
            c.due_at == run.due_at,
            c.worker == run.worker,
            c.finished_at.is_(None),
        )


def _run(row: RowMapping) -> ScheduleRun:
    known: dict[str, Any] = {str(name): value for name, value in row.items()}
    known["outcome"] = Outcome(row["outcome"])
    return ScheduleRun(**known)
