"""SQLite in a thread of its own, each statement in one trip to it.

aiosqlite makes four: for a cursor, the statement, its rows, and the cursor's end. A trip costs more than most of our
statements.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import aiosqlite

Found = TypeVar("Found")


class OneTripCursor:
    """What SQLAlchemy asks of an asynchronous cursor; every row is there once the statement has run."""

    arraysize = 1

    def __init__(self, connection: "OneTripConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, operation: str, parameters: Sequence[Any] = ()) -> Self:
        await self._run(lambda cursor: cursor.execute(operation, parameters))
        return self

    async def executemany(self, operation: str, parameters: Sequence[Sequence[Any]]) -> Self:
        await self._run(lambda cursor: cursor.executemany(operation, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    async def _run(self, statement: Callable[[sqlite3.Cursor], object]) -> None:
        def run(connection: sqlite3.Connection) -> tuple[list[Any], Any, int, int | None]:
            cursor = connection.cursor()
            try:
                statement(cursor)
                rows = cursor.fetchall() if cursor.description else []
                return rows, cursor.description, cursor.rowcount, cursor.lastrowid
            finally:
                cursor.close()

        self._rows, self.description, self.rowcount, self.lastrowid = await self._connection.in_one_trip(run)


class OneTripConnection(aiosqlite.Connection):
    """A connection whose cursors run a statement and fetch its rows in one trip."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A process may end though a connection was never given back.
        self._thread.daemon = True

    def cursor(self) -> Any:
        return OneTripCursor(self)

    async def in_one_trip(self, work: Callable[[sqlite3.Connection], Found]) -> Found:
        return await self._execute(work, self._conn)


def connect(database: str, **options: Any) -> OneTripConnection:
    """Open a database file; `options` are those of `sqlite3.connect`."""
    return OneTripConnection(lambda: sqlite3.connect(database, **options))
