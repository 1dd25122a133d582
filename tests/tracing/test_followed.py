"""A model that stands beside the champion sees every student as a replay would, at the cost of the new answers."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowtrace.domain import Interaction
from knowtrace.registry import PlainRun, Run
from knowtrace.store import Store
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.states import replayed_state
from tests.tracing.test_intake import SCHOOL, answer


class Counting(Tracer):
    steps = 0

    def observe(self, student: StudentState, interaction: Interaction) -> StudentState:
        Counting.steps += 1
        return super().observe(student, interaction)

    def replay(self, interactions: Iterable[Interaction]) -> StudentState:
        pytest.fail("followed, not replayed")


@pytest.fixture
def tracer(tiny_run: Path) -> Tracer:
    return Tracer(Run.open(tiny_run))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as store:
        await store.migrate()
        yield store


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
