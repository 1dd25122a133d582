"""Hold a job while working on it: a lease that is renewed, and that a crashed worker lets run out."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from knowtrace.errors import UnavailableError
from knowtrace.store import Claim, Store

RENEWALS = 3
"""Times that a lease is renewed before it would end."""

log: Any = structlog.get_logger("knowtrace.jobs")


async def renew_until_lost(renew: Callable[[], Awaitable[bool]], *, seconds: float, **of: str) -> None:
    """Renew a lease of so many seconds, in time, until `renew` says that it is another's; `of` names it in the log."""
    while True:
        await asyncio.sleep(seconds / RENEWALS)
        try:
            if not await renew():
                return
        except UnavailableError as error:
            log.warning("a lease could not be renewed", error=error.for_operators, **of)


@dataclass(frozen=True, kw_only=True)
class Leases:
    """How long a worker that says nothing is believed to work still, and by which clock."""

    store: Store
    seconds: float
    now: Callable[[], datetime]

    def until(self) -> datetime:
        return self.now() + timedelta(seconds=self.seconds)

    @asynccontextmanager
    async def renewing(self, claim: Claim) -> AsyncGenerator[None]:
        """Renew a claim in the background. What is done under it is only stored if it is still held then."""

        async def renew() -> bool:
            async with self.store.transaction() as transaction:
                return await transaction.queue.renew(claim, lease_until=self.until())

        keeping = renew_until_lost(renew, seconds=self.seconds, job_id=claim.job_id)
        task = asyncio.create_task(keeping, name="lease")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
