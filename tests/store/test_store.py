"""Transactions, durability and migrations, on every database that is there."""

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import make_url

from knowtrace.errors import SettingsError, UnavailableError
from knowtrace.store import Store, StoredDecision, StoredStudent
from knowtrace.store.tables import metadata
from tests.store.test_event_log import append, event


def student(student_id: str, num_answers: int = 1) -> StoredStudent:
    return StoredStudent(
        student_id=student_id,
        model_version="m-1",
        vector=np.arange(4, dtype=np.float32),
        num_answers=num_answers,
        last_answered_at=datetime(2026, 3, 1, tzinfo=UTC),
        last_position=num_answers,
    )


def decision(student_id: str) -> StoredDecision:
    return StoredDecision(
        decision_id="d1",
        student_id=student_id,
        skill="add",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        model_version="m-1",
        recommendation_type="rule-based",
        items=[],
        num_candidates=0,
        propensity=None,
    )


async def test_migrations_lead_to_the_declared_tables(store: Store) -> None:
    async with store._engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert difference == []


async def test_migrations_go_back_to_nothing_and_forth_again(store: Store) -> None:
    await store.migrate("base")
    async with store._engine.connect() as connection:
        left = await connection.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))
    assert left == {"alembic_version"}
    await store.migrate()
    await store.ping()


async def test_the_four_tables_of_the_seed_documents_are_there_and_go_with_their_migrations(
    store: Store,
) -> None:
    """Those of "Schema Design" in the Production Deployment Guide; `bandit_state` came last, with 0012."""
    named = {"student_mastery", "item_parameters", "recommendations", "bandit_state"}

    async def those_there() -> set[str]:
        async with store._engine.connect() as connection:
            return named & await connection.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))

    assert await those_there() == named
    await store.migrate("0011")
    assert await those_there() == named - {"bandit_state"}
    await store.migrate()
    assert await those_there() == named


async def test_what_was_stored_before_there_were_tenants_is_the_default_tenants(store: Store) -> None:
    await store.migrate("0001")
    async with store._engine.begin() as connection:
        for statement in (
            "INSERT INTO events (position, event_id, student_id, item_id, skill_ids, response, answered_at, "
            "received_at, fingerprint) VALUES (7, 'e7', 'anna', 'i1', '[]', 1, '2026-03-01 12:00:00', "
            "'2026-03-01 12:00:00', 'f')",
            "INSERT INTO student_states (student_id, model_version, vector, num_answers, last_position) "
            "VALUES ('anna', 'm-1', :vector, 1, 7)",
            "INSERT INTO student_mastery (student_id, skill_id, mastery, low, high, interaction_count, was_mastered, "
            "model_version, updated_at) VALUES ('anna', 's1', 0.5, 0.4, 0.6, 1, false, 'm-1', "
            "'2026-03-01 12:00:00')",
        ):
            vector = {"vector": bytes(8)} if ":vector" in statement else {}
            await connection.execute(sa.text(statement), vector)
    await store.migrate()
    async with store.reading("default") as session:
        assert set(await session.events.known(["e7"])) == {"e7"}
        assert set((await session.students.load(["anna"]))["anna"].skills) == {"s1"}
    async with store.reading("school") as session:
        assert await session.events.known(["e7"]) == {}
    async with store.transaction() as transaction:
        assert transaction.head == 7
    await store.migrate("0001")
    async with store._engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM student_mastery")) == 1


async def test_an_owner_who_is_no_superuser_migrates_rows_of_two_tenants_back_and_forth(
    postgres_store: Store, postgres_url: str
) -> None:
    """Policies bind the owner too: what a migration reads across tenants must not come out empty."""
    async with postgres_store._engine.begin() as connection:
        for statement in (
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
            "DROP ROLE IF EXISTS owner_of_all",
            "CREATE ROLE owner_of_all LOGIN PASSWORD 'x'",
            "ALTER SCHEMA public OWNER TO owner_of_all",
        ):
            await connection.execute(sa.text(statement))
    url = make_url(postgres_url).set(username="owner_of_all", password="x")
    async with Store(url.render_as_string(hide_password=False)) as store:
        await store.migrate()
        assert await store.keeps_tenants_apart() is True
        for tenant_id in ("north", "south"):
            async with store.writing(tenant_id) as session:
                await session.students.save([student("anna")])
        async with store.writing("east") as session:
            await session.decisions.append([decision("anna")])
        for revision in ("0004", "0006", "0002", "head"):
            await store.migrate(revision)
        assert await store.tenants() == ["east", "north", "south"]
        for tenant_id in ("north", "south"):
            async with store.reading(tenant_id) as session:
                assert set(await session.students.load(["anna"])) == {"anna"}
        with pytest.raises(RuntimeError, match="2 students belong to tenants other than 'default'"):
            await store.migrate("0001")
        async with store.reading("north") as session:
            assert len(await session.students.page(limit=5)) == 1


async def test_whoever_has_stored_anything_is_a_tenant_forward_and_back(store: Store) -> None:
    """A school may have been advised without answering, and answered while no model could be asked."""
    async with store.writing("advised") as session:
        await session.decisions.append([decision("anna")])
    await append(store, event(1, minute=0))
    async with store.writing("north") as session:
        await session.students.save([student("anna")])
    for revision in ("0004", "head", "0004", "0005"):
        await store.migrate(revision)
        if revision != "0004":
            assert await store.tenants() == ["advised", "north", "school"]
    await store.migrate()
    async with store.reading("advised") as session:
        assert [found.student_id for found in await session.decisions.newest("anna", limit=5)] == ["anna"]


async def test_tenants_that_would_be_mixed_stop_a_migration_back(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    with pytest.raises(RuntimeError, match="1 students belong to tenants other than 'default'"):
        await store.migrate("0001")
    async with store.reading("school") as session:
        assert len(await session.students.page(limit=5)) == 1


async def test_migrating_twice_changes_nothing(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student("anna")])
    await store.migrate()
    async with store.reading("school") as session:
        assert len(await session.students.page(limit=10)) == 1


async def test_what_is_written_is_there_after_the_block(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student("anna"), student("ben", 2)])
    async with store.reading("school") as session:
        found = await session.students.load(["anna", "ben", "nobody"])
    assert found["ben"].num_answers == 2
    assert found["anna"].vector.tolist() == [0, 1, 2, 3]
    assert set(found) == {"anna", "ben"}


async def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        async with store.writing("school") as session:
            await session.students.save([student("anna")])
            raise RuntimeError("stop")
    async with store.reading("school") as session:
        assert await session.students.page(limit=10) == []


async def test_reading_is_one_snapshot(store: Store) -> None:
    async with store.reading("school") as reader:
        assert await reader.students.page(limit=10) == []
        async with store.writing("school") as writer:
            await writer.students.save([student("anna")])
        assert await reader.students.page(limit=10) == []
    async with store.reading("school") as reader:
        assert len(await reader.students.page(limit=10)) == 1


async def test_students_are_listed_in_pages(store: Store) -> None:
    async with store.writing("school") as session:
        await session.students.save([student(name) for name in ("ben", "anna", "carl")])
    async with store.reading("school") as session:
        first = await session.students.page(limit=2)
        rest = await session.students.page(limit=2, after=first[-1].student_id)
    assert [found.student_id for found in [*first, *rest]] == ["anna", "ben", "carl"]


async def test_sqlite_flushes_every_commit_to_disk(tmp_path: Path) -> None:
    async with (
        Store(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as store,
        store._engine.connect() as connection,
    ):
        pragmas = {
            name: await connection.scalar(sa.text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


async def test_a_locked_database_is_unavailable_and_then_well_again(tmp_path: Path) -> None:
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", lock_wait_seconds=0.1) as store:
        await store.migrate()
        other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(UnavailableError) as error:
            async with store.writing("school"):
                pass
        assert "locked" in error.value.behind
        assert time.monotonic() - started < 2
        other.execute("ROLLBACK")
        other.close()
        async with store.writing("school") as session:
            await session.students.save([student("anna")])


async def test_a_connection_lost_while_it_commits_may_have_stored(postgres_store: Store) -> None:
    """Before that, it certainly has not."""

    async def losing_it(*, at_commit: bool) -> None:
        async with postgres_store.writing("school") as session:
            own = await session.events._connection.scalar(sa.text("SELECT pg_backend_pid()"))
            async with postgres_store._engine.connect() as other:
                await other.execute(sa.text(f"SELECT pg_terminate_backend({own}, 2000)"))
            if not at_commit:
                await session.students.save([student("anna")])

    with pytest.raises(
        UnavailableError, match=r"while it stored this; it may have\. Send it again with the same ids"
    ):
        await losing_it(at_commit=True)
    with pytest.raises(UnavailableError, match="Nothing was stored"):
        await losing_it(at_commit=False)


async def test_a_database_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing/test\.db does not exist"):
        Store(f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'test.db'}")


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("a shopping list, longer than a header")
    with pytest.raises(SettingsError, match="is not a SQLite database"):
        Store(f"sqlite+aiosqlite:///{path}")
    assert path.read_text().startswith("a shopping list")


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"])
async def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="name a file"):
        Store(url)


async def test_a_url_of_another_database_is_refused() -> None:
    with pytest.raises(SettingsError, match="mysql"):
        Store("mysql://somewhere/else")
