"""Every row of an erased student is deleted, in every table there is."""

from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from knowtrace.store import Store
from knowtrace.store.erasure import HOLDS_NO_STUDENT, OF_STUDENT
from knowtrace.store.tables import metadata
from tests.store.test_event_log import append, event


def test_every_table_is_named_as_a_students_or_as_nobodys() -> None:
    """Generated from the tables: one that is added without a word on erasure fails here."""
    of_student = {table.name for table in OF_STUDENT}
    assert of_student | set(HOLDS_NO_STUDENT) == set(metadata.tables)
    assert not of_student & set(HOLDS_NO_STUDENT)
    with_student = {table.name for table in metadata.sorted_tables if "student_id" in table.columns}
    assert with_student <= of_student


async def test_what_was_once_put_down_to_a_student_goes_with_the_student(store: Store) -> None:
    """An answer that was corrected to be another student's leaves an older body that names the first."""
    older = event(1, minute=0)
    await append(store, older)
    newer = replace(older, interaction=replace(older.interaction, student_id="ben"), revision=1)
    async with store.writing("school") as session:
        await session.events.replace(older, newer, at=datetime(2026, 3, 2, tzinfo=UTC))
        counts = await session.erasures.erase(older.interaction.student_id)
    assert {table: count for table, count in counts.items() if count} == {"event_revisions": 1}
    async with store.reading("school") as session:
        found = await session.events.find("e1")
        assert found is not None and found.interaction.student_id == "ben"


async def test_the_same_id_in_another_tenant_stays(store: Store) -> None:
    await append(store, event(1, minute=0))
    async with store.writing("other") as session:
        await session.events.append([event(2, minute=0)])
        await session.erasures.erase(event(1, minute=0).interaction.student_id)
        assert await session.events.find("e2") is None
    async with store.reading("school") as session:
        assert await session.events.find("e1") is not None


async def test_an_erasure_moves_the_head_of_the_log(store: Store) -> None:
    async with store.transaction() as transaction:
        await transaction.note_erasure(7)
        assert await transaction.head() == 7
    assert await store.erased_at() == 7
    async with store._engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM log_head")) == 1
