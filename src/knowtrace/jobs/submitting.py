"""Put a job into the queue, and take it out again."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from knowtrace.errors import NotFoundError, TooManyError
from knowtrace.jobs.turns import turn_at
from knowtrace.store import Errand, JobPriority, JobStatus, Store, StoredJob, Transaction

PART = 20
"""Requests that a worker does at a time: what a stop or a crash may lose, and for how long others wait at most."""

RETRY_AFTER_SECONDS = 30


async def submit(
    store: Store,
    tenant_id: str,
    requests: Sequence[dict[str, Any]],
    *,
    kind: str,
    priority: JobPriority,
    callback_url: str | None,
    created_by: str,
    now: datetime,
    max_unfinished: int,
) -> StoredJob:
    """Store a job, durably, and let it wait for its turn.

    Raises:
        TooManyError: the tenant has as many unfinished jobs as it may.
        UnavailableError: the database cannot be reached.
    """
    job = StoredJob(
        job_id=secrets.token_hex(16),
        kind=kind,
        priority=priority,
        status=JobStatus.QUEUED,
        created_at=now,
        created_by=created_by,
        num_items=len(requests),
        callback_url=callback_url,
    )
    async with store.transaction() as transaction:
        session = await transaction.of(tenant_id)
        num_unfinished = await session.jobs.num_unfinished()
        if num_unfinished >= max_unfinished:
            raise TooManyError(
                f"{num_unfinished} jobs are unfinished, the most one school may have: wait until one has ended, or "
                "cancel one.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        await session.jobs.add(
            job, [requests[start : start + PART] for start in range(0, len(requests), PART)]
        )
        await transaction.queue.put(
            job.job_id,
            tenant_id,
            Errand.COMPUTE,
            priority,
            available_at=now,
            turn_at=turn_at(priority, now),
        )
    return job


async def cancel(store: Store, tenant_id: str, job_id: str, *, now: datetime) -> StoredJob:
    """End a job before its time: what a worker is computing for it right now is thrown away.

    A job that has ended stays as it is.

    Raises:
        NotFoundError: the tenant has no such job.
        UnavailableError: the database cannot be reached.
    """
    async with store.transaction() as transaction:
        session = await transaction.of(tenant_id)
        job = await session.jobs.find(job_id)
        if job is None:
            raise no_job(job_id)
        if not job.status.is_over:
            await end(transaction, tenant_id, job, JobStatus.CANCELLED, now=now)
        found = await session.jobs.find(job_id)
    assert found is not None
    return found


async def end(
    transaction: Transaction,
    tenant_id: str,
    job: StoredJob,
    status: JobStatus,
    *,
    now: datetime,
    error_message: str | None = None,
) -> None:
    """End a job and take it out of the queue, or leave it there for the callback alone."""
    session = await transaction.of(tenant_id)
    await session.jobs.end(job.job_id, status, at=now, error_message=error_message)
    await transaction.queue.remove(job.job_id)
    if job.callback_url is not None:
        await transaction.queue.put(
            job.job_id, tenant_id, Errand.CALLBACK, job.priority, available_at=now, turn_at=now
        )


def no_job(job_id: str) -> NotFoundError:
    return NotFoundError(
        f"No job {job_id!r}: it was never submitted, or its results have been deleted by now."
    )
