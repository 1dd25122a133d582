"""A model that stands beside the champion sees every student as a replay would, at the cost of the new answers."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from knowtrace.domain import Interaction
from knowtrace.registry import PlainRun
from knowtrace.store import Store, StoredStudent
from knowtrace.store import events as store_events
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.committed import Committed
from knowtrace.tracing.erasing import Erasure
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.states import replayed_state
from knowtrace.tracing.threads import TooSlowError
from tests.tracing.test_choices import DEED
from tests.tracing.test_intake import SCHOOL, answer


class Counting(Tracer):
    steps = 0

    def observe(self, student: StudentState, interaction: Interaction) -> StudentState:
        Counting.steps += 1
        return super().observe(student, interaction)

    def replay(self, interactions: Iterable[Interaction]) -> StudentState:
        pytest.fail("followed, not replayed")


async def test_only_new_answers_are_stepped_through_until_the_past_changes(
    store: Store, tracer: Tracer
) -> None:
    other = Counting(PlainRun(of="x", vocabulary=tracer.vocabulary, hears_answers=True))
    followed = Followed(other)

    async def look() -> tuple[StudentState, int]:
        Counting.steps = 0
        async with store.reading(SCHOOL) as session:
            state = await followed.live_state(session, "anna")
            steps = Counting.steps
            clean = await replayed_state(session, other, "anna")
        assert np.array_equal(state.vector, clean.vector)
        assert state == replace(clean, vector=state.vector)
        return state, steps

    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(10)])
        assert (await look())[1] == 10
        assert (await look())[1] == 0
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(10, 13)])
        assert (await look())[1] == 3
        await intake.submit(SCHOOL, [answer(tracer, 20, minute=2.5)])
        assert (await look())[1] == 14
        await intake.correct(SCHOOL, replace(answer(tracer, 3), correct=True))
        assert (await look())[1] == 14
        await intake.withdraw(SCHOOL, "anna-4")
        assert (await look())[1] == 13
        async with store.reading("another school") as session:
            assert (await followed.live_state(session, "anna")).num_answers == 0
        followed.forget()
        assert (await look())[1] == 13
        assert len(followed._kept) == 1


async def test_a_look_that_was_cut_off_is_gone_on_with_unless_the_past_has_changed(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_events, "HISTORY_PAGE", 4)
    other = Counting(PlainRun(of="x", vocabulary=tracer.vocabulary, hears_answers=True))
    followed = Followed(other)
    run, pages_left = other.threads.run, 0

    async def run_some(*work: Any) -> Any:
        nonlocal pages_left
        pages_left -= 1
        if pages_left < 0:
            raise TooSlowError
        return await run(*work)

    async def look(pages: int) -> int:
        nonlocal pages_left
        Counting.steps, pages_left = 0, pages
        return (await followed.look(store, SCHOOL, "anna")).state.num_answers

    monkeypatch.setattr(other.threads, "run", run_some)
    async with Intake(store, tracer) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(10)])
        with pytest.raises(TooSlowError):
            await look(pages=2)
        assert (await look(pages=9), Counting.steps) == (10, 2)
        assert (await look(pages=0), Counting.steps) == (10, 0)
        followed.forget()
        with pytest.raises(TooSlowError):
            await look(pages=2)
        await intake.correct(SCHOOL, replace(answer(tracer, 3), correct=True))
        assert (await look(pages=9), Counting.steps) == (10, 10)


async def test_who_was_just_stored_is_known_by_a_glance_until_anything_changes(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = Followed(tracer)
    is_heard = True

    def hear(committed: Committed) -> None:
        if is_heard:
            followed.hear(committed.students, committed.model_version)

    async def look(*, reads: bool) -> int:
        with monkeypatch.context() as patch:
            if not reads:
                patch.setattr(Store, "reading", lambda *_: pytest.fail("read, where a glance was enough"))
            state, _ = await followed.look(store, SCHOOL, "anna")
        async with store.reading(SCHOOL) as session:
            clean = await replayed_state(session, tracer, "anna")
        assert np.array_equal(state.vector, clean.vector)
        assert state == replace(clean, vector=state.vector)
        return state.num_answers

    async with Intake(store, tracer, on_commit=hear) as intake:
        assert await look(reads=False) == 0
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        assert await look(reads=False) == 5
        is_heard = False  # as if another process had stored it
        await intake.submit(SCHOOL, [answer(tracer, 5)])
        with pytest.raises(pytest.fail.Exception, match="a glance was enough"):
            await look(reads=False)
        assert await look(reads=True) == 6
        assert await look(reads=False) == 6
        await intake.correct(SCHOOL, replace(answer(tracer, 3), correct=True))
        assert await look(reads=True) == 6
        await intake.withdraw(SCHOOL, "anna-4")
        assert await look(reads=True) == 5
        assert await look(reads=False) == 5
        await intake.erase(Erasure(tenant_id=SCHOOL, student_id="anna", deed=DEED))
        assert await look(reads=False) == 0
        assert (await followed.look(store, "another school", "anna")).state.num_answers == 0


async def test_what_another_model_computed_is_not_taken_for_its_own(store: Store, tracer: Tracer) -> None:
    other = Tracer(PlainRun(of="x", vocabulary=tracer.vocabulary, hears_answers=True))
    followed = Followed(other)
    async with Intake(
        store, tracer, on_commit=lambda c: followed.hear(c.students, c.model_version)
    ) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        assert len((await followed.look(store, SCHOOL, "anna")).state.vector) == 2
        await intake.switch(other)
        await intake.submit(SCHOOL, [answer(tracer, 5)])
        by_other, _ = await followed.look(store, SCHOOL, "anna")
        await intake.switch(tracer)
        await intake.submit(SCHOOL, [answer(tracer, 6)])
        async with store.reading(SCHOOL) as session:
            clean = await replayed_state(session, other, "anna")
    assert by_other.num_answers == 6
    again, _ = await followed.look(store, SCHOOL, "anna")
    assert np.allclose(again.vector, clean.vector, rtol=0, atol=1e-6)


async def test_who_is_erased_while_they_are_read_is_not_remembered(store: Store, tracer: Tracer) -> None:
    followed = Followed(tracer)
    async with Intake(store, tracer, on_erasure=lambda *_: followed.forget()) as intake:
        await intake.submit(SCHOOL, [answer(tracer, n) for n in range(5)])
        async with store.reading(SCHOOL) as session:
            load = session.students.load

            async def load_and_wait(student_ids: Collection[str]) -> dict[str, StoredStudent]:
                found = await load(student_ids)
                await intake.erase(Erasure(tenant_id=SCHOOL, student_id="anna", deed=DEED))
                return found

            session.students.load = load_and_wait  # type: ignore[method-assign]
            assert (await followed.live_state(session, "anna")).num_answers == 5
    assert not followed._kept
    assert (await followed.look(store, SCHOOL, "anna")).state.num_answers == 0
