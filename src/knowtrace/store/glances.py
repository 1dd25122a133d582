"""Single statements outside transactions, over connections that are kept ready.

A student's mark is asked for with every request; taking a connection, asking whether it still stands, beginning,
naming the tenant and ending are five trips around the one that is wanted.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from knowtrace.store.row_security import name_tenant_for_long

MOST_CONNECTIONS = 8


@dataclass
class Kept:
    """A connection, and the tenant whose rows it sees."""

    connection: AsyncConnection
    tenant_id: str | None = None


class Glances:
    """Keeps connections of an engine in which every statement stands alone, and hands each to one caller at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._idle: list[Kept] = []
        self._is_closed = False
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)

    @asynccontextmanager
    async def over(self, tenant_id: str) -> AsyncGenerator[AsyncConnection]:
        """Yield a connection that sees the rows of one tenant, for one statement that does not write."""
        async with self._room:
            kept = self._idle.pop() if self._idle else Kept(await self._engine.connect())
            try:
                if kept.tenant_id != tenant_id:
                    await name_tenant_for_long(kept.connection, tenant_id)
                    kept.tenant_id = tenant_id
                yield kept.connection
            except BaseException:
                # Whatever interrupted us, nobody knows how far the connection came.
                await _end(kept)
                raise
            if self._is_closed:
                # Its pool is gone: given back, it would stay open.
                await _end(kept)
            else:
                self._idle.append(kept)

    async def forget(self) -> None:
        """Close the connections that nobody uses: where one was found to have ended, the others have too."""
        while self._idle:
            await self._idle.pop().connection.close()

    async def close(self) -> None:
        """Close every connection: those in use when they are given back."""
        self._is_closed = True
        await self.forget()
        await self._engine.dispose()


async def _end(kept: Kept) -> None:
    await kept.connection.invalidate()
    await kept.connection.close()


def is_stale(error: BaseException | None) -> bool:
    """Return whether a statement failed because its connection had ended while it was kept."""
    return isinstance(error, DBAPIError) and error.connection_invalidated
