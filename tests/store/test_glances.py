"""A glance sees what is stored now, one tenant's rows, and outlives the connections that it kept."""

import asyncio

import pytest
import sqlalchemy as sa

from knowtrace.errors import UnavailableError
from knowtrace.store import Mark, Session, Store
from knowtrace.store.glances import MOST_CONNECTIONS
from tests.store.test_event_log import append, event
from tests.store.test_store import student

EVERYTHING = sa.text("SELECT count(*) FROM events")


async def mark_of(session: Session) -> tuple[Mark | None, int]:
    return await session.students.mark("anna")


async def test_a_mark_moves_with_the_stored_state(store: Store) -> None:
    assert await store.glance("school", mark_of) == (None, 0)
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    before, _ = await store.glance("school", mark_of)
    assert before == student("anna").mark
    async with store.transaction() as transaction:
        await transaction.note_erasure(7)
    assert await store.glance("school", mark_of) == (before, 7)


async def test_a_glance_sees_the_tenant_it_was_taken_for(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    for tenant_id, is_known in (("school", True), ("other", False), ("school", True), ("other", False)):
        mark, _ = await store.glance(tenant_id, mark_of)
        assert (mark is not None) is is_known


async def test_more_glances_than_connections_wait_for_their_turn(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    many = [store.glance("school", mark_of) for _ in range(5 * MOST_CONNECTIONS)]
    assert set(await asyncio.gather(*many)) == {(student("anna").mark, 0)}


async def test_one_that_is_interrupted_leaves_the_next_well(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    for seconds in (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008):
        looks = [
            asyncio.wait_for(store.glance(tenant_id, mark_of), seconds) for tenant_id in ("other", "school")
        ]
        await asyncio.gather(*looks, return_exceptions=True)
        assert (await store.glance("school", mark_of))[0] == student("anna").mark
        assert (await store.glance("other", mark_of))[0] is None


async def test_connections_that_ended_are_opened_anew(postgres_store: Store) -> None:
    async def process_id(session: Session) -> int:
        found = sa.text("SELECT pg_backend_pid() FROM pg_sleep(0.1)")
        return await session.events._connection.scalar(found)

    looks = (postgres_store.glance("school", process_id) for _ in range(MOST_CONNECTIONS))
    kept = set(await asyncio.gather(*looks))
    assert len(kept) > 1
    async with postgres_store._engine.begin() as connection:
        for one in kept:
            await connection.execute(sa.text(f"SELECT pg_terminate_backend({one})"))
    assert await postgres_store.glance("school", mark_of) == (None, 0)


async def test_the_database_itself_refuses_a_glance_at_foreign_rows(
    postgres_store: Store, as_service: Store
) -> None:
    await append(postgres_store, event(1, minute=0))

    async def count(session: Session) -> int:
        return await session.events._connection.scalar(EVERYTHING)

    assert await as_service.glance("other", count) == 0
    assert await as_service.glance("school", count) == 1
    assert await as_service.glance("other", count) == 0


async def test_a_database_that_is_away_is_said_to_be(postgres_store: Store) -> None:
    unreachable = postgres_store._engine.url.set(port=1).render_as_string(hide_password=False)
    async with Store(unreachable) as store:
        with pytest.raises(UnavailableError, match="cannot answer"):
            await store.glance("school", mark_of)


async def test_a_connection_in_use_while_the_store_closes_is_not_kept(
    database_url: str, store: Store
) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(session: Session) -> tuple[Mark | None, int]:
        inside.set()
        await go_on.wait()
        return await mark_of(session)

    closing = Store(database_url)
    looking = asyncio.create_task(closing.glance("school", slow))
    await inside.wait()
    await closing.close()
    go_on.set()
    assert await looking == (None, 0)
    assert closing._glances._idle == []
