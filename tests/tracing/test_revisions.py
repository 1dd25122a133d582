"""Late, corrected and withdrawn answers end in the state of a clean replay, at the cost of a few steps."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from knowtrace.errors import ConflictError, NotFoundError
from knowtrace.registry import Run
from knowtrace.store import Store
from knowtrace.store.tables import student_mastery, student_snapshots
from knowtrace.tracing import StudentState, Tracer, following
from knowtrace.tracing.answers import Answer, RejectedError, RevisionResult
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.intake import Intake
from tests.tracing.conftest import on_every_database
from tests.tracing.test_intake import SCHOOL, answer, assert_equals_replay, outcomes, stored

Rows = list[tuple[object, ...]]


@pytest.fixture
async def intake(store: Store, tracer: Tracer) -> AsyncIterator[Intake]:
    async with Intake(store, tracer) as intake:
        yield intake


async def mastery_rows(store: Store) -> Rows:
    c = student_mastery.c
    statement = sa.select(
        c.student_id, c.skill_id, c.mastery, c.low, c.high, c.interaction_count, c.was_mastered
    )
    async with store.reading(SCHOOL) as session:
        found = await session.events._connection.execute(statement.order_by(c.student_id, c.skill_id))
        return [tuple(row) for row in found]


@on_every_database
async def test_a_corrected_answer_counts_as_if_sent_so_at_once(
    store: Store, tracer: Tracer, intake: Intake
) -> None:
    answers = [answer(tracer, n) for n in range(1, 8)]
    await intake.submit(SCHOOL, answers)
    before = await stored(store)
    right = replace(answers[3], correct=not answers[3].correct)
    result = await intake.correct(SCHOOL, right)
    assert (result.revision, result.is_new, result.is_withdrawn) == (1, True, False)
    after = await stored(store)
    assert not np.array_equal(before.vector, after.vector)
    assert after.num_answers == 7
    assert after.rewritten_at > before.rewritten_at
    await assert_equals_replay(store, tracer)
    assert (await intake.correct(SCHOOL, right)).is_new is False


@on_every_database
async def test_a_retry_of_what_was_corrected_or_withdrawn_changes_nothing(
    store: Store, tracer: Tracer, intake: Intake
) -> None:
    first, second = answer(tracer, 1), answer(tracer, 2)
    await intake.submit(SCHOOL, [first, second])
    await intake.correct(SCHOOL, replace(first, correct=not first.correct))
    await intake.withdraw(SCHOOL, second.event_id)
    results = await intake.submit(SCHOOL, [first, second])
    assert outcomes(results) == ["duplicate", "duplicate"]
    assert "later withdrawn" in results[1].notes[-1]
    assert (await stored(store)).num_answers == 1


@on_every_database
async def test_withdrawing_the_only_answer_leaves_a_student_never_seen(
    store: Store, tracer: Tracer, intake: Intake
) -> None:
    await intake.submit(SCHOOL, [answer(tracer, 1)])
    result = await intake.withdraw(SCHOOL, "anna-1")
    assert result.is_withdrawn
    assert result.is_new
    assert (await intake.withdraw(SCHOOL, "anna-1")).is_new is False
    async with store.reading(SCHOOL) as session:
        assert await session.students.load(["anna"]) == {}
        assert (await Followed(tracer).live_state(session, "anna")).num_answers == 0
    assert await mastery_rows(store) == []
    assert outcomes(await intake.submit(SCHOOL, [answer(tracer, 2)])) == ["accepted"]
    await assert_equals_replay(store, tracer)


@on_every_database
async def test_an_answer_can_be_moved_to_another_student(
    store: Store, tracer: Tracer, intake: Intake
) -> None:
    await intake.submit(SCHOOL, [answer(tracer, n) for n in (1, 2)])
    await intake.submit(SCHOOL, [answer(tracer, 3, student_id="ben")])
    result = await intake.correct(SCHOOL, replace(answer(tracer, 1), student_id="ben"))
    assert set(result.student_ids) == {"anna", "ben"}
    assert (await stored(store, "anna")).num_answers == 1
    assert (await stored(store, "ben")).num_answers == 2
    for student_id in ("anna", "ben"):
        await assert_equals_replay(store, tracer, student_id)


@on_every_database
async def test_what_cannot_be_revised_says_why(tracer: Tracer, intake: Intake) -> None:
    with pytest.raises(NotFoundError, match="No answer is stored under event_id 'anna-1'"):
        await intake.correct(SCHOOL, answer(tracer, 1))
    await intake.submit(SCHOOL, [answer(tracer, 1)])
    with pytest.raises(NotFoundError):
        await intake.withdraw("another school", "anna-1")
    with pytest.raises(RejectedError, match="must be a category"):
        await intake.correct(SCHOOL, replace(answer(tracer, 1), correct=None, response=9))
    await intake.withdraw(SCHOOL, "anna-1")
    with pytest.raises(ConflictError, match="was withdrawn"):
        await intake.correct(SCHOOL, answer(tracer, 1))


@on_every_database
async def test_a_late_answer_costs_the_steps_since_the_last_snapshot(
    store: Store, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in steps of the model: 200 answers, a snapshot every 20, one answer late by three."""
    monkeypatch.setattr(following, "SNAPSHOT_EVERY", 20)

    class Counting(Tracer):
        steps = 0

        def answer(self, student: StudentState, interaction):  # type: ignore[no-untyped-def]
            Counting.steps += 1
            return super().answer(student, interaction)

    tracer = Counting(Run.open(tiny_run))
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(200)])
        Counting.steps = 0
        await intake.submit(SCHOOL, [answer(tracer, 500, minute=196.5)])
        assert Counting.steps <= 21
        async with store.reading(SCHOOL) as session:
            taken = await session.events._connection.scalar(
                sa.select(sa.func.count()).select_from(student_snapshots)
            )
        assert taken == 10
    await assert_equals_replay(store, tracer)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_history_of_changes_equals_a_clean_sending_of_what_is_left(
    tiny_run: Path, data: st.DataObject
) -> None:
    """Answers in any order, some corrected, moved to the other student or withdrawn, with snapshots every three:
    states bit-equal to a replay, and the mastery table equal to that of a database that was only sent what is left.
    """
    tracer = Tracer(Run.open(tiny_run))
    count = data.draw(st.integers(1, 14))
    answers = [answer(tracer, n, student_id=f"s{n % 2}", minute=n // 2) for n in range(count)]
    order = data.draw(st.permutations(answers))
    size = data.draw(st.integers(1, 5))
    changes = data.draw(
        st.lists(
            st.tuples(st.sampled_from(["correct", "move", "delay", "withdraw"]), st.sampled_from(answers)),
            max_size=6,
        )
    )

    def changed(kind: str, current: Answer) -> Answer:
        if kind == "correct":
            return replace(current, correct=not current.correct)
        if kind == "move":
            return replace(current, student_id="s1" if current.student_id == "s0" else "s0")
        return replace(current, answered_at=current.answered_at + timedelta(minutes=2.5))

    async def send(folder: str) -> None:
        left = {sent.event_id: sent for sent in order}
        async with Store(f"sqlite+aiosqlite:///{folder}/revised.db") as store:
            await store.migrate()
            async with Intake(store, tracer, max_cached_students=1) as intake:
                for start in range(0, count, size):
                    await intake.submit(SCHOOL, order[start : start + size])
                for kind, which in changes:
                    if which.event_id not in left:
                        continue
                    if kind == "withdraw":
                        del left[which.event_id]
                        await intake.withdraw(SCHOOL, which.event_id)
                        continue
                    left[which.event_id] = changed(kind, left[which.event_id])
                    result = await intake.correct(SCHOOL, left[which.event_id])
                    assert isinstance(result, RevisionResult)
            for student_id in {sent.student_id for sent in left.values()}:
                await assert_equals_replay(store, tracer, student_id)
            revised = await mastery_rows(store)
        async with Store(f"sqlite+aiosqlite:///{folder}/clean.db") as store:
            await store.migrate()
            async with Intake(store, tracer) as intake:
                for sent in (sent for sent in order if sent.event_id in left):
                    await intake.submit(SCHOOL, [left[sent.event_id]])
            assert await mastery_rows(store) == revised

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "SNAPSHOT_EVERY", 3)
        asyncio.run(send(folder))
