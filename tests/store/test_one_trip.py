"""SQLite's thread is visited once per statement, and what comes back is what SQLAlchemy expects of a cursor."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.dialect import make_engine
from knowtrace.store.one_trip import OneTripConnection


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(f"sqlite+aiosqlite:///{tmp_path / 'trips.db'}", lock_wait_seconds=1)
    async with engine.connect() as connection:
        await connection.execute(sa.text("CREATE TABLE things (number INTEGER PRIMARY KEY)"))
        await connection.execute(
            sa.text("INSERT INTO things VALUES (:number)"), [{"number": n} for n in (1, 2, 3)]
        )
        yield connection
        await connection.rollback()
    await engine.dispose()


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    once = OneTripConnection.in_one_trip

    async def counted(self: OneTripConnection, work: object) -> object:
        made.append("trip")
        return await once(self, work)  # type: ignore[arg-type]

    async def uncounted(self: OneTripConnection, *_: object) -> None:
        made.append("another way")

    monkeypatch.setattr(OneTripConnection, "in_one_trip", counted)
    monkeypatch.setattr(OneTripConnection, "execute", uncounted)
    return made


async def test_a_statement_is_one_trip(connection: AsyncConnection, trips: list[str]) -> None:
    numbers = await connection.scalars(sa.text("SELECT number FROM things ORDER BY number"))
    assert numbers.all() == [1, 2, 3]
    assert trips == ["trip"]


async def test_many_rows_are_written_in_one_trip(connection: AsyncConnection, trips: list[str]) -> None:
    await connection.execute(
        sa.text("INSERT INTO things VALUES (:number)"), [{"number": n} for n in range(10, 30)]
    )
    assert trips == ["trip"]
    assert await connection.scalar(sa.text("SELECT count(*) FROM things")) == 23


async def test_rows_touched_are_counted(connection: AsyncConnection) -> None:
    changed = await connection.execute(sa.text("DELETE FROM things WHERE number > 1"))
    assert changed.rowcount == 2
    with_rows = await connection.execute(sa.text("DELETE FROM things RETURNING number"))
    assert with_rows.all() == [(1,)]


async def test_errors_are_sqlalchemys_and_the_connection_goes_on(connection: AsyncConnection) -> None:
    with pytest.raises(IntegrityError, match="UNIQUE constraint failed"):
        await connection.execute(sa.text("INSERT INTO things VALUES (1)"))
    with pytest.raises(OperationalError, match="no such table"):
        await connection.execute(sa.text("SELECT 1 FROM absent"))
    assert await connection.scalar(sa.text("SELECT count(*) FROM things")) == 3
