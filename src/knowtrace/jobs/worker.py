"""Take the job whose turn it is, do one part of it, store what came out and how far it is in one transaction."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog

from knowtrace.errors import KnowTraceError, UnavailableError
from knowtrace.jobs.leases import Leases
from knowtrace.jobs.submitting import end
from knowtrace.jobs.turns import turn_at
from knowtrace.store import Claim, Errand, JobStatus, Store, StoredJob, Transaction, Waiting

Body = dict[str, Any]

MOST_ATTEMPTS = 5
"""Times that one part of a job is begun: after so many crashes or failures the job fails."""

PAUSE_SECONDS = 1.0
"""Before a part that failed is tried again; twice as long each time."""

STORING_PAUSES_SECONDS = (0.1, 0.5, 2.0)

log: Any = structlog.get_logger("knowtrace.jobs")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one request: an answer, or an error that is the request's own."""

    body: Body
    is_error: bool = False


Compute = Callable[[str, Sequence[Body]], Awaitable[list[Result]]]
"""Answers requests of a tenant, one result each. What it raises is a failure of ours, and is tried again."""


class Watcher(Protocol):
    """Hears how many jobs wait, and of each as it ends."""

    def queue_seen(self, waiting: Sequence[Waiting]) -> None: ...

    def job_ended(self, kind: str, status: str, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim, the job as it stood then, and the requests of its next part."""

    claim: Claim
    job: StoredJob
    part: list[Body]


class Worker:
    """One of any number of workers, in any number of processes, on one queue.

    Each part of a job is stored once: whoever stores it must still hold the claim, and claims are given one at a time.
    """

    def __init__(
        self, store: Store, leases: Leases, kinds: Mapping[str, Compute], watcher: Watcher | None = None
    ) -> None:
        self._store = store
        self._leases = leases
        self._kinds = kinds
        self._watcher = watcher
        self._name = secrets.token_hex(8)

    async def take_turn(self) -> bool:
        """Do one part of one job; False when none is free.

        Raises:
            UnavailableError: the database cannot be reached; nothing of the part was stored.
        """
        if not await self._is_any_free():
            return False
        taken = await self._take()
        if taken is None:
            return True
        began = time.perf_counter()
        try:
            async with self._leases.renewing(taken.claim):
                results = await self._kinds[taken.job.kind](taken.claim.tenant_id, taken.part)
        except Exception as error:
            log.warning("part of a job failed", job_id=taken.job.job_id, exc_info=error)
            await self._put_back(taken, error)
            return True
        if len(results) != len(taken.part):
            raise AssertionError(f"{len(results)} results for {len(taken.part)} requests")
        await self._store_at_last(taken, results)
        log.info(
            "part of a job done",
            job_id=taken.job.job_id,
            num_requests=len(results),
            duration_ms=round((time.perf_counter() - began) * 1e3, 3),
        )
        return True

    async def _is_any_free(self) -> bool:
        """Look without the writers' lock: most looks find nothing."""
        waiting = await self._store.waiting(self._leases.now())
        if self._watcher is not None:
            self._watcher.queue_seen(waiting)
        return any(w.num_free for w in waiting if w.errand is Errand.COMPUTE)

    async def _take(self) -> Taken | None:
        now = self._leases.now()
        async with self._store.transaction() as transaction:
            claim = await transaction.queue.claim(
                Errand.COMPUTE,
                f"{self._name}-{secrets.token_hex(8)}",
                now=now,
                lease_until=self._leases.until(),
            )
            if claim is None:
                return None
            session = await transaction.of(claim.tenant_id)
            job = await session.jobs.find(claim.job_id)
            assert job is not None, "a job and its place in the queue are written and removed together"
            part = await session.jobs.part(job.job_id, job.num_done)
            assert part is not None, "a job is ended with its last part"
            if claim.attempts > MOST_ATTEMPTS:
                await self._fail(transaction, claim, job, "the workers that computed it stopped every time")
                return None
            await session.jobs.begin(job.job_id, at=now)
        return Taken(claim, job, part)

    async def _store_at_last(self, taken: Taken, results: Sequence[Result]) -> None:
        """Store results, again where the database could not: without them the part waits until the lease ends."""
        for pause in STORING_PAUSES_SECONDS:
            try:
                return await self._store_part(taken, results)
            except UnavailableError as error:
                log.warning(
                    "results wait for the database", job_id=taken.job.job_id, error=error.for_operators
                )
                await asyncio.sleep(pause)
        return await self._store_part(taken, results)

    async def _store_part(self, taken: Taken, results: Sequence[Result]) -> None:
        claim, job, now = taken.claim, taken.job, self._leases.now()
        is_last = job.num_done + len(results) == job.num_items
        async with self._store.transaction() as transaction:
            if not await transaction.queue.holds(claim):
                return  # cancelled, or taken up by another worker while this one was silent
            session = await transaction.of(claim.tenant_id)
            await session.jobs.advance(
                job,
                [result.body for result in results],
                num_failed=sum(result.is_error for result in results),
            )
            if is_last:
                await end(transaction, claim.tenant_id, job, JobStatus.COMPLETED, now=now)
            else:
                await transaction.queue.put_back(
                    claim, available_at=now, turn_at=turn_at(claim.priority, now), has_progressed=True
                )
        if is_last:
            self._say_ended(job, JobStatus.COMPLETED)

    async def _put_back(self, taken: Taken, error: Exception) -> None:
        claim = taken.claim
        reason = str(error) if isinstance(error, KnowTraceError) else type(error).__name__
        later = self._leases.now() + timedelta(seconds=PAUSE_SECONDS * 2 ** (claim.attempts - 1))
        async with self._store.transaction() as transaction:
            if not await transaction.queue.holds(claim):
                return
            if claim.attempts >= MOST_ATTEMPTS:
                await self._fail(transaction, claim, taken.job, reason)
            else:
                await transaction.queue.put_back(
                    claim, available_at=later, turn_at=turn_at(claim.priority, later), has_progressed=False
                )

    async def _fail(self, transaction: Transaction, claim: Claim, job: StoredJob, reason: str) -> None:
        message = (
            f"Requests {job.num_done} to {job.num_items - 1} were not computed, for the first of them failed "
            f"{MOST_ATTEMPTS} times: {reason}. Submit the job again."
        )
        now = self._leases.now()
        await end(transaction, claim.tenant_id, job, JobStatus.FAILED, now=now, error_message=message)
        self._say_ended(job, JobStatus.FAILED)

    def _say_ended(self, job: StoredJob, status: JobStatus) -> None:
        if self._watcher is not None:
            seconds = (self._leases.now() - job.created_at).total_seconds()
            self._watcher.job_ended(job.kind, status.value, seconds)
