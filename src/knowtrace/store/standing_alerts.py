"""What is wrong just now: told once, whichever processes see it, and however often they look."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.integration_tables import standing_alerts

c = standing_alerts.c


class StandingAlert(NamedTuple):
    """One thing that is wrong with one model."""

    name: str
    model_version: str


async def any_quiet(connection: AsyncConnection, before: datetime) -> bool:
    """Return whether something was last seen before a moment."""
    found = sa.select(sa.exists().where(c.seen_at < before))
    return bool(await connection.scalar(found))


class StandingAlerts:
    """Notes what processes see, on a connection that writes; commits nothing itself."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, alert: StandingAlert, *, now: datetime) -> bool:
        """Note that something is wrong now; return whether it was not before."""
        seen = sa.update(standing_alerts).where(c.name == alert.name, c.model_version == alert.model_version)
        if (await self._connection.execute(seen.values(seen_at=now))).rowcount:
            return False
        await self._connection.execute(sa.insert(standing_alerts), {**alert._asdict(), "seen_at": now})
        return True

    async def end_quiet(self, before: datetime) -> list[StandingAlert]:
        """Strike out what was last seen before a moment, and return it in order."""
        ended = sa.delete(standing_alerts).where(c.seen_at < before)
        found = await self._connection.execute(ended.returning(c.name, c.model_version))
        return sorted(StandingAlert(*row) for row in found)
