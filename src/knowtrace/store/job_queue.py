"""Which job of which tenant is worked on next. Holds no content: that is the tenants', each its own."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.job_tables import job_queue
from knowtrace.store.jobs import JobPriority

c = job_queue.c


class Errand(StrEnum):
    """What is to be done for a job: compute its next part, or tell whoever asked that it has ended."""

    COMPUTE = "compute"
    CALLBACK = "callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job in one worker's hands, until the lease ends. `attempts` counts this one."""

    job_id: str
    tenant_id: str
    errand: Errand
    priority: JobPriority
    worker: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many jobs of one priority wait for an errand or are on it, and how many a worker could take now."""

    errand: Errand
    priority: JobPriority
    num_jobs: int
    num_free: int


class JobQueue:
    """The queue on a connection that writes: writers take turns, so no two can claim one job."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(
        self,
        job_id: str,
        tenant_id: str,
        errand: Errand,
        priority: JobPriority,
        *,
        available_at: datetime,
        turn_at: datetime,
    ) -> None:
        await self._connection.execute(
            sa.insert(job_queue),
            {
                "job_id": job_id,
                "tenant_id": tenant_id,
                "errand": errand,
                "priority": priority,
                "available_at": available_at,
                "turn_at": turn_at,
                "attempts": 0,
            },
        )

    async def claim(
        self, errand: Errand, worker: str, *, now: datetime, lease_until: datetime
    ) -> Claim | None:
        """Take the job whose turn comes first among those that are free; `worker` must name this one claim."""
        found = await self._connection.execute(
            sa.select(c.job_id, c.tenant_id, c.priority, c.attempts)
            .where(c.errand == errand, is_free(now))
            .order_by(c.turn_at, c.job_id)
            .limit(1)
        )
        row = found.first()
        if row is None:
            return None
        claim = Claim(
            job_id=row.job_id,
            tenant_id=row.tenant_id,
            errand=errand,
            priority=JobPriority(row.priority),
            worker=worker,
            attempts=row.attempts + 1,
        )
        await self._connection.execute(
            sa.update(job_queue)
            .where(c.job_id == claim.job_id)
            .values(worker=worker, lease_until=lease_until, attempts=claim.attempts)
        )
        return claim

    async def renew(self, claim: Claim, *, lease_until: datetime) -> bool:
        """Hold a job for longer; False when it is not ours any more."""
        renewed = await self._connection.execute(
            _held(sa.update(job_queue), claim).values(lease_until=lease_until)
        )
        return renewed.rowcount == 1

    async def holds(self, claim: Claim) -> bool:
        """Return whether the job is still in this claim's hands, whether or not the lease has ended meanwhile."""
        return bool(
            await self._connection.scalar(_held(sa.select(sa.func.count()).select_from(job_queue), claim))
        )

    async def put_back(
        self, claim: Claim, *, available_at: datetime, turn_at: datetime, has_progressed: bool
    ) -> None:
        """Let a job wait again, for the same errand."""
        back = {
            "available_at": available_at,
            "turn_at": turn_at,
            "lease_until": None,
            "worker": None,
            "attempts": 0 if has_progressed else claim.attempts,
        }
        await self._connection.execute(_held(sa.update(job_queue), claim).values(back))

    async def remove(self, job_id: str) -> None:
        await self._connection.execute(sa.delete(job_queue).where(c.job_id == job_id))


def _held(statement: Any, claim: Claim) -> Any:
    return statement.where(c.job_id == claim.job_id, c.worker == claim.worker)


def is_free(now: datetime) -> sa.ColumnElement[bool]:
    """Say of a row that nobody holds it, and that its time has come."""
    return sa.and_(
        c.available_at <= sa.bindparam("now", now, c.available_at.type),
        sa.or_(c.lease_until.is_(None), c.lease_until <= sa.bindparam("now", now, c.available_at.type)),
    )


async def waiting(connection: AsyncConnection, now: datetime) -> list[Waiting]:
    free = sa.func.sum(sa.case((is_free(now), 1), else_=0))
    found = await connection.execute(
        sa.select(c.errand, c.priority, sa.func.count(), free).group_by(c.errand, c.priority)
    )
    return [
        Waiting(errand=Errand(errand), priority=JobPriority(priority), num_jobs=jobs, num_free=int(free))
        for errand, priority, jobs, free in found
    ]
