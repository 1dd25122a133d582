"""Jobs: what was asked for, how far it is, what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.job_tables import job_parts, job_queue, job_results, jobs

Body = dict[str, Any]


class JobPriority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class JobStatus(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.PROCESSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """One job. `num_failed` of the `num_done` requests were answered with an error of their own."""

    job_id: str
    kind: str
    priority: JobPriority
    status: JobStatus
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    num_items: int
    num_done: int = 0
    num_failed: int = 0
    error_message: str | None = None
    callback_url: str | None = None
    callback_sent_at: datetime | None = None
    callback_error: str | None = None


class Jobs:
    """Reads and writes one tenant's jobs on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, job: StoredJob, parts: Sequence[Sequence[Body]]) -> None:
        """Store a job and its requests, which are worked on part by part."""
        row = {column.name: getattr(job, column.name) for column in fields(job)}
        await self._connection.execute(sa.insert(jobs), {"tenant_id": self._tenant_id, **row})
        rows: list[Body] = []
        first_number = 0
        for part in parts:
            rows.append({**self._key(job.job_id), "first_number": first_number, "requests": list(part)})
            first_number += len(part)
        await self._connection.execute(sa.insert(job_parts), rows)

    async def find(self, job_id: str) -> StoredJob | None:
        row = (await self._connection.execute(self._of(sa.select(jobs), jobs, job_id))).mappings().first()
        if row is None:
            return None
        known = {name: value for name, value in row.items() if name != "tenant_id"}
        known["priority"], known["status"] = JobPriority(row["priority"]), JobStatus(row["status"])
        return StoredJob(**known)

    async def num_unfinished(self) -> int:
        unfinished = sa.select(sa.func.count()).where(
            jobs.c.tenant_id == self._tenant_id, jobs.c.finished_at.is_(None)
        )
        return await self._connection.scalar(unfinished) or 0

    async def part(self, job_id: str, first_number: int) -> list[Body] | None:
        """Return the requests of the part that begins with this number; None where no part does."""
        wanted = self._of(sa.select(job_parts.c.requests), job_parts, job_id)
        return await self._connection.scalar(wanted.where(job_parts.c.first_number == first_number))

    async def begin(self, job_id: str, *, at: datetime) -> None:
        """Say that somebody works on a job; when that began stays what it was."""
        await self._change(
            job_id, status=JobStatus.PROCESSING, started_at=sa.func.coalesce(jobs.c.started_at, at)
        )

    async def advance(self, job: StoredJob, results: Sequence[Body], *, num_failed: int) -> None:
        """Store the results of the part that comes next, drop its requests, and move the job on."""
        await self._connection.execute(
            sa.insert(job_results),
            [
                {**self._key(job.job_id), "number": number, "result": result}
                for number, result in enumerate(results, job.num_done)
            ],
        )
        await self._connection.execute(
            self._of(sa.delete(job_parts), job_parts, job.job_id).where(
                job_parts.c.first_number == job.num_done
            )
        )
        await self._change(
            job.job_id, num_done=job.num_done + len(results), num_failed=job.num_failed + num_failed
        )

    async def end(
        self, job_id: str, status: JobStatus, *, at: datetime, error_message: str | None = None
    ) -> None:
        """End a job. Requests go; results stay only where all of them are there to be read."""
        await self._connection.execute(self._of(sa.delete(job_parts), job_parts, job_id))
        if status is not JobStatus.COMPLETED:
            await self._connection.execute(self._of(sa.delete(job_results), job_results, job_id))
        await self._change(
            job_id, status=status, finished_at=at, error_message=error_message and error_message[:500]
        )

    async def called_back(self, job_id: str, *, at: datetime | None, error: str | None = None) -> None:
        """Note when the callback was taken, or why it was not."""
        await self._change(job_id, callback_sent_at=at, callback_error=error and error[:500])

    async def results(self, job_id: str, *, start: int, limit: int) -> list[tuple[int, Body]]:
        """Return results in the order of their requests, from number `start` on."""
        found = await self._connection.execute(
            self._of(sa.select(job_results.c.number, job_results.c.result), job_results, job_id)
            .where(job_results.c.number >= start)
            .order_by(job_results.c.number)
            .limit(limit)
        )
        return [(row.number, row.result) for row in found]

    async def forget_ended(self, *, before: datetime, limit: int) -> int:
        """Delete jobs, with their results, that ended before a time, those that ended first; return how many.

        Callbacks that were never sent go too: a place in the queue without its job would stop all that come after it.
        """
        mine = jobs.c.tenant_id == self._tenant_id
        old = sa.select(jobs.c.job_id).where(mine, jobs.c.finished_at < before)
        some = list(await self._connection.scalars(old.order_by(jobs.c.finished_at).limit(limit)))
        await self._connection.execute(sa.delete(job_queue).where(job_queue.c.job_id.in_(some)))
        return (await self._connection.execute(sa.delete(jobs).where(mine, jobs.c.job_id.in_(some)))).rowcount

    async def _change(self, job_id: str, **values: Any) -> None:
        await self._connection.execute(self._of(sa.update(jobs), jobs, job_id).values(**values))

    def _key(self, job_id: str) -> Body:
        return {"tenant_id": self._tenant_id, "job_id": job_id}

    def _of(self, statement: Any, table: sa.Table, job_id: str) -> Any:
        return statement.where(table.c.tenant_id == self._tenant_id, table.c.job_id == job_id)
