"""Tell whoever asked that a job has ended: one signed POST, tried again for about an hour."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import httpx
import orjson
import structlog

from knowtrace.errors import DataError, UnavailableError
from knowtrace.jobs.leases import Leases
from knowtrace.outbound import Allowed, Resolve, caller, look_up, post
from knowtrace.store import Claim, Errand, Store, StoredJob

PATIENCE_SECONDS = 5.0
"""For one try, from the look-up of the host to the answer."""

PAUSES_SECONDS = (5, 30, 120, 600, 3_000)
"""Between one try and the next; after the last, nobody is told any more."""

log: Any = structlog.get_logger("knowtrace.callbacks")


class Messenger:
    """Delivers one callback after the other. No student is named in any: results are fetched with a credential."""

    def __init__(
        self,
        store: Store,
        leases: Leases,
        allowed: Allowed,
        key: bytes,
        *,
        resolve: Resolve = look_up,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._store = store
        self._leases = leases
        self._allowed = allowed
        self._key = key
        self._resolve = resolve
        self._transport = transport

    async def take_turn(self) -> bool:
        """Deliver one callback, or put it off; False when none is due.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        waiting = await self._store.waiting(self._leases.now())
        if not any(w.num_free for w in waiting if w.errand is Errand.CALLBACK):
            return False
        async with self._store.transaction() as transaction:
            claim = await transaction.queue.claim(
                Errand.CALLBACK,
                secrets.token_hex(16),
                now=self._leases.now(),
                lease_until=self._leases.until(),
            )
            if claim is None:
                return True
            session = await transaction.of(claim.tenant_id)
            job = await session.jobs.find(claim.job_id)
            assert job is not None, "a job and its place in the queue are written and removed together"
        async with self._leases.renewing(claim):
            error = await self._deliver(job)
        await self._note(claim, error)
        return True

    async def _deliver(self, job: StoredJob) -> str | None:
        """Send one message; return why it was not taken, or None."""
        url = job.callback_url or ""
        body = message(job)
        try:
            # The lists may have changed since the job was submitted, and the host's address always may.
            async with asyncio.timeout(PATIENCE_SECONDS), caller(PATIENCE_SECONDS, self._transport) as client:
                status = await post(
                    client,
                    self._allowed,
                    url,
                    body,
                    key=self._key,
                    at=int(self._leases.now().timestamp()),
                    resolve=self._resolve,
                )
        except TimeoutError:
            return f"The receiver did not answer in {PATIENCE_SECONDS:g} s."
        except (httpx.HTTPError, httpx.InvalidURL, DataError, UnavailableError) as error:
            return str(error) or type(error).__name__
        except Exception as error:
            # A try like any other, or it would be tried for ever; its text may quote the URL.
            log.exception("callback could not be sent", job_id=job.job_id)
            return f"{type(error).__name__}: the log of this service says where."
        return None if httpx.codes.is_success(status) else f"The receiver answered {status}."

    async def _note(self, claim: Claim, error: str | None) -> None:
        now = self._leases.now()
        is_last = claim.attempts > len(PAUSES_SECONDS)
        if error is not None:
            log.warning("callback not taken", job_id=claim.job_id, attempt=claim.attempts, error=error)
        async with self._store.transaction() as transaction:
            if not await transaction.queue.holds(claim):
                return
            session = await transaction.of(claim.tenant_id)
            await session.jobs.called_back(claim.job_id, at=now if error is None else None, error=error)
            if error is None or is_last:
                await transaction.queue.remove(claim.job_id)
            else:
                later = now + timedelta(seconds=PAUSES_SECONDS[claim.attempts - 1])
                await transaction.queue.put_back(
                    claim, available_at=later, turn_at=later, has_progressed=False
                )


def message(job: StoredJob) -> bytes:
    """Return what a receiver is told."""
    return orjson.dumps(
        {
            "job_id": job.job_id,
            "status": job.status,
            "created_at": job.created_at,
            "finished_at": job.finished_at,
            "num_items": job.num_items,
            "num_done": job.num_done,
            "num_failed": job.num_failed,
        }
    )
