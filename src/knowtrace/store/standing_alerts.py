"""What is wrong just now: told once, whichever processes see it, and however often they look."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.integration_tables import standing_alerts

c = standing_alerts.c


class StandingAlerts:
    """Notes what processes see, on a connection that writes; commits nothing itself."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def is_new(self, name: str, model_version: str, *, now: datetime, quiet: timedelta) -> bool:
        """Note that something is wrong now; return whether nobody had seen it for `quiet`, or ever."""
        await self._connection.execute(sa.delete(standing_alerts).where(c.seen_at < now - quiet))
        seen = sa.update(standing_alerts).where(c.name == name, c.model_version == model_version)
        if (await self._connection.execute(seen.values(seen_at=now))).rowcount:
            return False
        row = {"name": name, "model_version": model_version, "seen_at": now}
        await self._connection.execute(sa.insert(standing_alerts), row)
        return True
