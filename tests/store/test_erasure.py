"""Every row of an erased student is deleted, in every table there is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from knowtrace.store import JobPriority, JobStatus, LakeErasure, LearningRecord, Message, Store, StoredJob
from knowtrace.store.erasure import HOLDS_NO_STUDENT, OF_STUDENT, WAITING
from knowtrace.store.tables import metadata
from tests.store.test_event_log import append, event


def test_every_table_is_named_as_a_students_or_as_nobodys() -> None:
    """Generated from the tables: one that is added without a word on erasure fails here."""
    of_student = {table.name for table in OF_STUDENT}
    assert of_student | set(HOLDS_NO_STUDENT) | set(WAITING) == set(metadata.tables)
    assert not of_student & set(HOLDS_NO_STUDENT)
    with_student = {table.name for table in metadata.sorted_tables if "student_id" in table.columns}
    assert with_student <= of_student | set(WAITING)


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


async def test_who_waits_for_the_lake_waits_until_it_has_erased_them(store: Store) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    first, second = (LakeErasure(student_id="anna", receipt_id=receipt) for receipt in ("r1", "r2"))
    for tenant_id in ("school", "other"):
        async with store.writing(tenant_id) as session:
            await session.erasures.await_lake(first, at=at)
            await session.erasures.await_lake(second, at=at)
            await session.erasures.erase("anna")
    async with store.writing("school") as session:
        assert await session.erasures.waiting_for_lake() == [first]
        await session.erasures.lake_has_erased(first)
        assert await session.erasures.waiting_for_lake() == []
    async with store.reading("other") as session:
        assert await session.erasures.waiting_for_lake() == [first]


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
        assert transaction.head == 7
    assert await store.erased_at() == 7
    async with store._engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM log_head")) == 1


NOW = datetime(2026, 3, 2, tzinfo=UTC)


async def add_job(store: Store, job_id: str, body: dict[str, Any], *, is_done: bool = False) -> None:
    """Store a job of one request; a done one has that body as its result and no requests any more."""
    job = StoredJob(
        job_id=job_id,
        kind="predictions",
        priority=JobPriority.LOW,
        status=JobStatus.QUEUED,
        created_at=NOW,
        created_by="test",
        num_items=1,
    )
    async with store.writing("school") as session:
        await session.jobs.add(job, [[body]])
        if is_done:
            await session.jobs.advance(job, [{"prediction": body, "error": None}], num_failed=0)
            await session.jobs.end(job_id, JobStatus.COMPLETED, at=NOW)


@pytest.mark.parametrize("student_id", ["anna", "\u00e4nne \u5b66", 'a"b', "a\\b", "100%_/'", "\U0001f984"])
async def test_jobs_that_name_a_student_go_and_those_of_others_stay(store: Store, student_id: str) -> None:
    await add_job(store, "waiting", {"student_id": student_id, "candidate_items": ["x"]})
    await add_job(store, "in-others-words", {"user_id": student_id, "candidate_items": ["x"]})
    await add_job(store, "done", {"student_id": student_id, "predictions": {"x": 0.5}}, is_done=True)
    others = {
        "another": "ben",
        **({"other-case": student_id.upper()} if student_id.upper() != student_id else {}),
        "longer": f"{student_id}2",
        "quoting": f'x"{student_id}',
    }
    for job_id, other in others.items():
        await add_job(store, job_id, {"student_id": other, "candidate_items": ["x"]})
    await add_job(store, "item-of-that-name", {"student_id": "ben", "candidate_items": [student_id]})
    async with store.writing("school") as session:
        counts = await session.erasures.erase(student_id)
    assert counts["jobs"] == 3
    async with store._engine.connect() as connection:
        left = {row[0] for row in await connection.execute(sa.text("SELECT job_id FROM jobs"))}
    assert left == {*others, "item-of-that-name"}


async def test_messages_and_dead_ones_go_and_those_of_others_stay(store: Store) -> None:
    async with store.writing("school") as session:
        for number, student_id in enumerate(["anna", "anna", "Anna"]):
            body = {"student_id": student_id}
            message = Message(message_id=f"m{number}", kind="mastery", student_id=student_id, body=body)
            await session.outbox.append([(message, ["hook"])], at=NOW)
    [lane, _] = await store.lease_lanes(now=NOW, until=NOW, limit=5, most_of_one=5, held={})
    async with store.writing("school") as session:
        waiting = await session.outbox.waiting(lane, limit=1)
        assert waiting[0].student_id == "anna"
        await session.outbox.settle(lane, delivered=[], failed=waiting[0], error="no", again_at=None, now=NOW)
        assert (await session.erasures.erase("anna"))["outbox"] == 2
        assert await session.outbox.dead("hook", limit=5) == []
    async with store._engine.connect() as connection:
        left = (await connection.execute(sa.text("SELECT student_id FROM outbox"))).all()
    assert left == [("Anna",)]


async def test_a_grade_that_names_nobody_goes_with_the_attempt(store: Store) -> None:
    """Whose it is, only the completion says: left behind, it would grade whoever sends that attempt again."""

    def record(record_id: str, kind: str, student_id: str | None, about_id: str) -> LearningRecord:
        return LearningRecord(
            record_id=record_id,
            hash="0",
            kind=kind,
            student_id=student_id,
            about_id=about_id,
            body={"id": record_id},
            stored_at=NOW,
        )

    async with store.writing("school") as session:
        await session.records.append(
            "caliper",
            [
                record("c1", "completed", "anna", "attempt-1"),
                record("g1", "graded", None, "attempt-1"),
                record("c2", "completed", "ben", "attempt-2"),
                record("g2", "graded", None, "attempt-2"),
                record("g3", "graded", None, "attempt-3"),
            ],
        )
        assert (await session.erasures.erase("anna"))["learning_records"] == 2
        left = await session.records.about("caliper", ["attempt-1", "attempt-2", "attempt-3"])
        assert {found.record_id for found in left} == {"c2", "g2", "g3"}
