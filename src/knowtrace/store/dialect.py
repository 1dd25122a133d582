"""The one place that knows which database it talks to; `row_security.py` has what only PostgreSQL can do."""

import math
import select
import time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from knowtrace.errors import SettingsError
from knowtrace.store import one_trip
from knowtrace.store.tables import Row

SQLITE_START = b"SQLite format 3\0"

WRITES = "knowtrace_writes"
"""Execution option of a connection that is about to write."""

CONNECTIONS = 10

USED_AT = "knowtrace_used_at"

DOUBTFUL_AFTER_SECONDS = 10.0
"""A connection to a server that has lain idle for longer is asked whether it still stands before it is used."""


def make_engine(
    url: str, *, lock_wait_seconds: float, for_glances: bool = False, for_writing: bool = False
) -> AsyncEngine:
    """Open a database by URL, durable before it acknowledges: synchronous=FULL on SQLite.

    With `for_glances` every statement stands alone: no transaction is begun, and nothing is asked before it. With
    `for_writing` there is one connection, and whoever uses it takes turns.
    `hide_parameters` keeps student ids out of error texts, and so out of logs.

    Raises:
        SettingsError: the URL names no database that this can use.
    """
    try:
        driver, database = make_url(url).drivername, make_url(url).database
    except ArgumentError:
        driver, database = "nothing", None
    if driver not in {"sqlite+aiosqlite", "postgresql+psycopg"}:
        # The URL itself may hold a password, so the error does not repeat it.
        raise SettingsError(
            f"The database URL names {driver!r}: give sqlite+aiosqlite:///FILE or postgresql+psycopg://HOST/DATABASE."
        )
    dialect = driver.partition("+")[0]
    if dialect == "sqlite":
        if database in {None, "", ":memory:"}:
            raise SettingsError(
                "The database URL names a database in memory, which keeps nothing and which each connection has for "
                "itself: name a file, sqlite+aiosqlite:///FILE."
            )
        _check_file(Path(str(database)))
    engine = create_async_engine(
        url,
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        # Every transaction of ours is ended by us: one more ROLLBACK per commit would only be another trip
        # to it.
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT" if for_glances else None,
        # What goes beyond the size is opened for one use and closed again, which costs more than the use.
        pool_size=1 if for_writing else CONNECTIONS,
        max_overflow=0 if for_writing else CONNECTIONS,
        connect_args={"async_creator_fn": one_trip.connect} if dialect == "sqlite" else {},
    )
    if dialect == "sqlite":
        _prepare_sqlite(engine, lock_wait_seconds)
        if not for_glances:
            _begin_ourselves(engine)
    else:
        _prepare_postgresql(engine, lock_wait_seconds)
        if not for_glances:
            _look_before_use(engine)
    return engine


def _check_file(path: Path) -> None:
    if not path.parent.is_dir():
        raise SettingsError(f"The folder of the database {path} does not exist. Make it, or name another.")
    if path.is_file():
        with path.open("rb") as file:
            start = file.read(len(SQLITE_START))
        if start and start != SQLITE_START:
            raise SettingsError(f"{path} is not a SQLite database. Name another file; a new one is made.")


def _prepare_sqlite(engine: AsyncEngine, lock_wait_seconds: float) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        # The driver's own BEGIN comes too late for a snapshot and never takes the write lock: we send ours
        # below.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(lock_wait_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten: an erased student must not be found in the file's free pages.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()


def _begin_ourselves(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # Taking the write lock at once waits for it; taking it at the first INSERT fails when another
        # process writes.
        is_writing = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _prepare_postgresql(engine: AsyncEngine, lock_wait_seconds: float) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        # Otherwise whoever waits for a lock, the writers' own among them, waits for ever.
        cursor.execute(f"SET lock_timeout = {int(lock_wait_seconds * 1000)}")
        # The driver turns times into those of the connection's zone, and cannot where the year would become 0.
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.close()
        connection.commit()


def _look_before_use(engine: AsyncEngine) -> None:
    """Find connections that have ended while they were kept, mostly without a trip to the server for it."""
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def note(_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[USED_AT] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def look(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        idle_seconds = time.monotonic() - record.info.get(USED_AT, math.inf)
        try:
            if idle_seconds > DOUBTFUL_AFTER_SECONDS or _has_news(connection.driver_connection.fileno()):
                dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            if not dialect.is_disconnect(error, connection, None):
                raise
            raise DisconnectionError from error


def _has_news(socket: int) -> bool:
    """Return whether a server has said something unasked: mostly that it has ended the connection."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


async def for_reading(connection: AsyncConnection) -> AsyncConnection:
    """Make everything read on this connection one snapshot; SQLite's transactions are one already."""
    if connection.dialect.name == "postgresql":
        return await connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


async def empty_write_ahead_log(connection: AsyncConnection) -> bool | None:
    """Write SQLite's log into its file and truncate it, outside any transaction; None on other databases."""
    if connection.dialect.name != "sqlite":
        return None
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert driver is not None
    async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
        is_busy, _, _ = await cursor.fetchone()
    return not is_busy


def one_or_many(rows: list[Row]) -> Row | list[Row]:
    """Return rows as they are sent with the fewest trips: one alone needs no pipeline."""
    return rows[0] if len(rows) == 1 else rows


async def upsert(connection: AsyncConnection, table: sa.Table, rows: list[Row]) -> None:
    """Insert rows, or replace the ones whose primary key is there."""
    if rows:
        await connection.execute(_upsert_into(connection.dialect.name, table), one_or_many(rows))


async def insert_missing(connection: AsyncConnection, table: sa.Table, rows: list[Row]) -> None:
    """Insert the rows whose primary key is not there, and leave the others."""
    if rows:
        insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        await connection.execute(insert(table).on_conflict_do_nothing(), rows)


@cache
def _upsert_into(dialect: str, table: sa.Table) -> sa.Insert:
    insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = insert(table).inline()
    keys = [column.name for column in table.primary_key]
    changed = {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


async def insert_new(connection: AsyncConnection, table: sa.Table, rows: list[Row]) -> int:
    """Insert the rows whose primary key is not there yet; return how many."""
    if not rows:
        return 0
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return (await connection.execute(insert(table).on_conflict_do_nothing(), rows)).rowcount
