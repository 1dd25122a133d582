"""Who is silent too long is found in whatever table, and nobody who is not."""

from datetime import UTC, datetime, timedelta

import pytest

from knowtrace.store import Store, silence
from knowtrace.store.erasure import OF_STUDENT, names_in
from knowtrace.store.silence import DATED, IN_JOBS, MADE_OF_ANSWERS
from tests.store import belongings
from tests.store.belongings import OF_NO_ANSWER, Keep

LIMIT = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = LIMIT - timedelta(days=30), LIMIT + timedelta(days=30)


def test_every_table_of_students_is_looked_into() -> None:
    """Generated from erasure's tables: one that is added there and not here fails."""
    assert {*DATED, *IN_JOBS, *MADE_OF_ANSWERS} == set(OF_STUDENT)


async def silent(store: Store) -> list[str]:
    async with store.reading("school") as session:
        found = await session.silence.since(LIMIT)
        assert all([await session.silence.is_silent(student_id, LIMIT) for student_id in found])
        return found


@pytest.mark.parametrize("keep", OF_NO_ANSWER.values(), ids=OF_NO_ANSWER)
async def test_who_has_no_answer_is_silent_when_all_that_is_kept_is_old(store: Store, keep: Keep) -> None:
    async with store.writing("school") as session:
        await keep(session, "old", OLD)
        await keep(session, "new", NEW)
        await belongings.decision(session, "new", OLD)
        await keep(session, "both", OLD)
        await belongings.record(session, "both", NEW)
        await keep(session, "answers still", OLD)
        await belongings.answer(session, "answers still", NEW)
    async with store.writing("other") as session:
        await belongings.answer(session, "old", NEW)
        await belongings.answer(session, "elsewhere", OLD)
    found = await silent(store)
    assert [name for name in found if not name.startswith("classmate")] == ["old"]
    assert ("classmate of old" in found) is ("job" in keep.__name__)
    async with store.reading("school") as session:
        for student_id in ("new", "both", "answers still", "elsewhere", "nobody"):
            assert not await session.silence.is_silent(student_id, LIMIT)


@pytest.mark.parametrize("keep", OF_NO_ANSWER.values(), ids=OF_NO_ANSWER)
async def test_whose_last_answer_is_old_is_silent_whatever_others_did_since(store: Store, keep: Keep) -> None:
    async with store.writing("school") as session:
        await belongings.answer(session, "old", OLD)
        await keep(session, "old", NEW)
    assert "old" in await silent(store)


async def test_what_belongs_to_nobody_is_nobodys(store: Store) -> None:
    async with store.writing("school") as session:
        await belongings.record(session, None, OLD)
        await belongings.message(session, "", OLD)
    assert await silent(store) == []


async def test_all_pages_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "PAGE", 2)
    monkeypatch.setattr(silence, "JOB_PAGE", 2)
    expected: set[str] = set()
    async with store.writing("school") as session:
        for number in range(5):
            await belongings.answer(session, f"answered {number}", OLD)
            await belongings.job_with_results(session, f"asked {number}", OLD)
            await belongings.waiting_job(session, f"asked late {number}", NEW)
            expected |= {f"answered {number}", f"asked {number}", f"classmate of asked {number}"}
    found = await silent(store)
    assert set(found) == expected and len(found) == len(expected)


def test_names_are_found_at_whatever_depth() -> None:
    said = [{"student_id": "anna"}, {"prediction": {"user_id": "ben", "items": [{"student_id": "carl"}]}}, 7]
    assert sorted(names_in(said)) == ["anna", "ben", "carl"]
