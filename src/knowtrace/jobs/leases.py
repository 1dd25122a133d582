"""Hold a job while working on it: a lease that is renewed, and that a crashed worker lets run out."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from knowtrace.errors import UnavailableError
from knowtrace.store import Claim, Store

RENEWALS = 3
"""Times that a lease is renewed before it would end."""

log: Any = structlog.get_logger().bind(logger="knowtrace.jobs")


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

        async def renew() -> None:
            while True:
                await asyncio.sleep(self.seconds / RENEWALS)
                try:
                    async with self.store.transaction() as transaction:
                        if not await transaction.queue.renew(claim, lease_until=self.until()):
                            return
                except UnavailableError as error:
                    log.warning("a lease could not be renewed", job_id=claim.job_id, error=str(error))

        task = asyncio.create_task(renew(), name="lease")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
