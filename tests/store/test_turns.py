"""One writer at a time, which finds the log as the one before has left it."""

import asyncio
from unittest.mock import Mock

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from knowtrace.store import Store, dialect
from tests.store.test_store import student


async def test_who_has_waited_finds_what_the_writer_before_has_left(store: Store, database_url: str) -> None:
    found: list[tuple[int, int]] = []

    async def look() -> None:
        async with other.transaction() as transaction:
            found.append((transaction.head, transaction.erased_at))

    async with Store(database_url, lock_wait_seconds=10) as other:
        async with store.transaction() as transaction:
            await transaction.note_erasure(7)
            waiting = asyncio.create_task(look())
            await asyncio.sleep(0.2)
            await transaction.move_head(8)
            assert not found
        await waiting
    assert found == [(8, 7)]


async def test_the_tenant_that_a_transaction_begins_with_is_named_with_it(as_service: Store) -> None:
    async with as_service.transaction("school") as transaction:
        named = transaction._connection.sync_connection
        assert named is not None
        sent: list[str] = []
        event.listen(named, "before_cursor_execute", lambda *told: sent.append(told[2]))
        session = await transaction.of("school")
        await session.students.save([student("anna")])
        assert not any("set_config" in statement for statement in sent)
        elsewhere = await transaction.of("another school")
        assert await elsewhere.students.load(["anna"]) == {}
    async with as_service.reading("school") as session:
        assert set(await session.students.load(["anna"])) == {"anna"}


async def test_a_connection_that_ended_while_it_was_kept_is_replaced(
    postgres_store: Store, postgres_url: str
) -> None:
    own = sa.text("SELECT pg_backend_pid()")
    async with Store(postgres_url) as other:
        for _ in range(2):
            async with postgres_store.writing("school") as session:
                await session.students.save([student("anna")])
                ours = [await session.events._connection.scalar(own)]
            async with postgres_store.reading("school") as session:
                assert set(await session.students.load(["anna"])) == {"anna"}
                ours.append(await session.events._connection.scalar(own))
            async with other._engine.connect() as connection:
                for one in ours:
                    ended = sa.text(f"SELECT pg_terminate_backend({one}, 2000)")
                    assert await connection.scalar(ended)


@pytest.mark.parametrize(("seconds", "pings"), [(3600.0, 0), (0.0, 1)])
async def test_only_a_connection_that_has_lain_idle_is_asked_whether_it_stands(
    postgres_store: Store, monkeypatch: pytest.MonkeyPatch, seconds: float, pings: int
) -> None:
    await postgres_store.ping()
    engine = postgres_store._engine
    asked = Mock(side_effect=engine.dialect.do_ping)
    monkeypatch.setattr(engine.dialect, "do_ping", asked)
    monkeypatch.setattr(dialect, "DOUBTFUL_AFTER_SECONDS", seconds)
    await postgres_store.ping()
    assert asked.call_count == pings
