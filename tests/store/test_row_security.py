"""One tenant's rows are nobody else's: by our queries on every database, and by PostgreSQL itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from knowtrace.store import Store
from knowtrace.store.row_security import name_key
from knowtrace.store.tables import bandit_state, metadata
from tests.store.test_event_log import append, event
from tests.store.test_keys import KEY
from tests.store.test_store import student

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

SHARED = {
    "log_head",
    "model_roles",
    "item_parameters",
    "job_queue",
    "tenants",
    "schedule_runs",
    "subscriptions",
    "delivery_lanes",
    "standing_alerts",
}
"""Tables that hold nothing of any tenant's students.

`job_queue` and `tenants` name tenants and must be read across them: a worker looks for the next work of all, and under
row security would find none. They hold ids of jobs, priorities and times; what a job is about lies in `jobs`,
`job_parts` and `job_results`, each tenant's own. `schedule_runs` and `standing_alerts` are the installation's.

`subscriptions` and `delivery_lanes` name tenants for the same reason: a process that delivers for all of them must find
whose messages wait before it may turn to one. They hold random and hashed names, times, kinds of messages.
"""


async def test_our_queries_see_one_tenant(store: Store) -> None:
    await append(store, event(1, minute=0))
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    async with store.reading("other") as session:
        assert await session.events.known(["e1"]) == {}
        assert await session.events.find("e1") is None
        assert await session.events.newest("anna", limit=5) == []
        assert await session.students.page(limit=5) == []
        assert await session.students.most_recent(limit=5) == []
        assert await session.students.load(["anna"]) == {}


async def test_two_tenants_may_use_one_event_id(store: Store) -> None:
    await append(store, event(1, minute=0))
    async with store.writing("other") as session:
        await session.events.append([event(2, minute=0)])
        assert await session.events.find("e2") is not None


async def test_every_table_of_tenants_is_forced_behind_a_policy(postgres_store: Store) -> None:
    """Generated from the tables: one that is added without a policy fails here."""
    expected = {table.name for table in metadata.sorted_tables if "tenant_id" in table.columns} - SHARED
    assert {table.name for table in metadata.sorted_tables} - expected == SHARED
    async with postgres_store._engine.connect() as connection:
        found = await connection.execute(
            sa.text(
                "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
                "WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.polcmd = '*'"
            )
        )
        assert {row.relname for row in found} == expected


async def test_the_database_itself_refuses_foreign_rows(postgres_store: Store, as_service: Store) -> None:
    await append(postgres_store, event(1, minute=0))
    assert await as_service.keeps_tenants_apart()
    assert not await postgres_store.keeps_tenants_apart()
    everything = sa.text("SELECT count(*) FROM events")
    async with as_service.reading("school") as session:
        assert await session.events._connection.scalar(everything) == 1
    async with as_service.reading("other") as session:
        assert await session.events._connection.scalar(everything) == 0
    async with as_service._engine.connect() as connection:
        assert await connection.scalar(everything) == 0, "no tenant named, no rows"


async def test_what_a_policy_has_learnt_is_its_tenants(as_service: Store) -> None:
    """Bytes come back as they were written; two tenants may name a policy alike."""
    for tenant_id, state in (("north", bytes(range(256))), ("south", b"")):
        async with as_service.writing(tenant_id) as session:
            learnt = {"tenant_id": tenant_id, "policy": "linucb", "state": state, "updated_at": NOON}
            await session.events._connection.execute(sa.insert(bandit_state), [learnt])
    async with as_service.reading("north") as session:
        found = (await session.events._connection.execute(sa.select(bandit_state))).all()
    assert [tuple(row) for row in found] == [("north", "linucb", bytes(range(256)), NOON)]


async def test_the_database_itself_refuses_to_write_for_another_tenant(as_service: Store) -> None:
    async with as_service.writing("school") as session:
        session.events._tenant_id = "other"
        with pytest.raises(exc.ProgrammingError, match="row-level security"):
            await session.events.append([event(1, minute=0)])


async def test_a_transaction_turns_from_tenant_to_tenant(as_service: Store) -> None:
    async with as_service.transaction() as transaction:
        await (await transaction.of("school")).events.append([event(1, minute=0)])
        await (await transaction.of("other")).events.append([event(2, minute=0)])
    for tenant_id, event_id in (("school", "e1"), ("other", "e2")):
        async with as_service.reading(tenant_id) as session:
            assert [found.event_id for found in await session.events.newest("anna", limit=5)] == [event_id]


async def test_a_key_is_found_by_its_id_before_its_tenant_is_known(
    postgres_store: Store, as_service: Store
) -> None:
    """The one row that is named, and only to read."""
    for number, tenant_id in enumerate(("school", "other")):
        async with postgres_store.writing(tenant_id) as session:
            await session.keys.add(replace(KEY, key_id=f"k{number}", tenant_id=tenant_id))
    found = await as_service.find_key("k1")
    assert found is not None
    assert found.tenant_id == "other"
    assert await as_service.find_key("k2") is None
    async with as_service._engine.connect() as connection:
        await name_key(connection, "k1")
        assert await connection.scalar(sa.text("SELECT count(*) FROM api_keys")) == 1
        changed = await connection.execute(sa.text("UPDATE api_keys SET role = 'admin'"))
        assert changed.rowcount == 0
        await connection.rollback()
    async with as_service.reading("school") as session:
        assert [key.key_id for key in await session.keys.all()] == ["k0"]
