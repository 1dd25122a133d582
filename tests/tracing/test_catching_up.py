"""A long history whose past changes does not hold the writer, and ends where a clean replay ends."""

import asyncio

import pytest

from knowtrace.registry import PlainRun
from knowtrace.store import Store, StoredStudent
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.answers import Answer, EventResult, Outcome
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.following import SNAPSHOT_EVERY
from knowtrace.tracing.intake import Intake
from tests.tracing.test_intake import SCHOOL, answer, assert_equals_replay, stored

LONG = 2 * SNAPSHOT_EVERY
COUNT = LONG + 100


@pytest.fixture(autouse=True)
def short_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowtrace.tracing.changes.LONG_HISTORY", LONG)


@pytest.fixture
def plain(tracer: Tracer) -> Tracer:
    """A model whose steps cost nothing."""
    return Tracer(PlainRun(of=tracer.version, vocabulary=tracer.vocabulary, hears_answers=True))


def long_ago(tracer: Tracer, number: int) -> Answer:
    return answer(tracer, number, minute=-number)


async def until_caught_up(store: Store, tracer: Tracer) -> StoredStudent:
    async with asyncio.timeout(30):
        while True:
            async with store.reading(SCHOOL) as session:
                found = (await session.students.load(["anna"]))["anna"]
            if found.model_version == tracer.version:
                return found
            await asyncio.sleep(0.02)


def is_told_to_wait(result: EventResult) -> bool:
    return result.is_degraded and not result.masteries and "replayed now" in result.notes[0]


async def test_a_late_answer_is_stored_at_once_and_shows_later(store: Store, plain: Tracer) -> None:
    async with Intake(store, plain) as intake:
        await intake.submit(SCHOOL, [answer(plain, n) for n in range(COUNT)])
        late = long_ago(plain, 1_000)
        [result] = await intake.submit(SCHOOL, [late])
        assert result.outcome is Outcome.ACCEPTED and is_told_to_wait(result)
        [again, beside] = await intake.submit(SCHOOL, [late, answer(plain, 1, student_id="ben")])
        assert again.outcome is Outcome.DUPLICATE
        assert beside.masteries and not beside.is_degraded
        found = await until_caught_up(store, plain)
        assert found.num_answers == COUNT + 1
        await assert_equals_replay(store, plain)
        [current] = await intake.submit(SCHOOL, [answer(plain, COUNT)])
        assert current.masteries and not current.is_degraded
    await assert_equals_replay(store, plain)


async def test_a_late_answer_near_the_end_is_no_long_matter(store: Store, plain: Tracer) -> None:
    async with Intake(store, plain) as intake:
        await intake.submit(SCHOOL, [answer(plain, n) for n in range(COUNT)])
        [result] = await intake.submit(SCHOOL, [answer(plain, 5_000, minute=COUNT - 10.5)])
        assert result.masteries and not result.is_degraded
    await assert_equals_replay(store, plain)


async def test_changes_of_the_past_while_it_is_replayed_are_not_lost(store: Store, plain: Tracer) -> None:
    """Late answers, corrections and new answers, one after the other, as fast as they are taken."""
    async with Intake(store, plain) as intake:
        await intake.submit(SCHOOL, [answer(plain, n) for n in range(COUNT)])
        for n in range(5):
            await intake.submit(SCHOOL, [long_ago(plain, 2_000 + n)])
            revision = await intake.withdraw(SCHOOL, f"anna-{n}")
            assert revision.is_new and revision.is_degraded and revision.student_ids == ("anna",)
            await intake.submit(SCHOOL, [answer(plain, COUNT + n)])
        found = await until_caught_up(store, plain)
        assert found.num_answers == COUNT + 5
        await assert_equals_replay(store, plain)


async def test_who_is_looked_at_meanwhile_is_shown_as_a_replay_has_them(store: Store, plain: Tracer) -> None:
    followed = Followed(plain)
    async with Intake(
        store, plain, on_commit=lambda done: followed.hear(done.students, done.model_version)
    ) as intake:
        await intake.submit(SCHOOL, [answer(plain, n) for n in range(COUNT)])
        await intake.submit(SCHOOL, [long_ago(plain, 1_000)])
        shown = (await followed.look(store, SCHOOL, "anna")).state
        await until_caught_up(store, plain)
        after = (await followed.look(store, SCHOOL, "anna")).state
    assert isinstance(shown, StudentState)
    assert shown.num_answers == after.num_answers == COUNT + 1
    assert shown.vector.tolist() == after.vector.tolist()


async def test_who_is_set_aside_when_the_process_ends_catches_up_at_the_next_answer(
    store: Store, plain: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as never:
        never.setattr("knowtrace.tracing.catching_up.CatchingUp.begin", lambda *_: None)
        async with Intake(store, plain) as intake:
            await intake.submit(SCHOOL, [answer(plain, n) for n in range(COUNT)])
            await intake.submit(SCHOOL, [long_ago(plain, 1_000)])
            for is_new in (True, False):
                revision = await intake.withdraw(SCHOOL, "anna-0")
                assert (revision.is_new, revision.is_degraded) == (is_new, True)
    assert (await stored(store, "anna")).num_answers == COUNT
    async with Intake(store, plain) as intake:
        [result] = await intake.submit(SCHOOL, [answer(plain, COUNT)])
        assert is_told_to_wait(result)
        await until_caught_up(store, plain)
    await assert_equals_replay(store, plain)
