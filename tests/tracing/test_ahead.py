"""A switch of models holds the writer for what is new, not for what was long ago."""

import asyncio
from dataclasses import dataclass

import pytest

from knowtrace.domain import Interaction, Mastery
from knowtrace.errors import ModelError
from knowtrace.registry import PlainRun
from knowtrace.store import Session, Store
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.ahead import replay_ahead
from knowtrace.tracing.following import SNAPSHOT_EVERY, Student
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.threads import Threads
from tests.tracing.test_intake import SCHOOL, answer, assert_equals_replay

LONG = 600


@dataclass
class Steps:
    count: int = 0


class Counting(Tracer):
    def __init__(self, tracer: Tracer, steps: Steps) -> None:
        super().__init__(PlainRun(of=tracer.version, vocabulary=tracer.vocabulary, hears_answers=True))
        self._counted = steps

    def answer(self, student: StudentState, interaction: Interaction) -> tuple[StudentState, list[Mastery]]:
        self._counted.count += 1
        return super().answer(student, interaction)


async def fill(intake: Intake, tracer: Tracer) -> None:
    await intake.submit(SCHOOL, [answer(tracer, n) for n in range(LONG)])
    await intake.submit(SCHOOL, [answer(tracer, n, student_id="ben") for n in range(5)])


async def test_the_writer_steps_through_what_came_after_the_last_snapshot(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowtrace.tracing.intake.replay_ahead", ahead_of(LONG))
    steps = Steps()
    other = Counting(tracer, steps)
    async with Intake(store, tracer) as intake:
        await fill(intake, tracer)
        await intake.switch(other)
        assert steps.count == LONG
        assert await replay_ahead(store, other, at_least=LONG) == 0
        steps.count = 0
        await intake.submit(SCHOOL, [answer(tracer, LONG)])
        assert steps.count == LONG % SNAPSHOT_EVERY + 1
        await assert_equals_replay(store, other)
        await intake.submit(SCHOOL, [answer(tracer, 9, student_id="ben")])
        await assert_equals_replay(store, other, "ben")


async def test_a_past_that_changes_meanwhile_leaves_no_snapshot_of_what_it_was(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Counting(tracer, Steps())
    replay = Student.replay
    async with Intake(store, tracer) as intake:
        await fill(intake, tracer)

        async def replay_and_withdraw(
            self: Student, session: Session, with_tracer: Tracer, threads: Threads
        ) -> None:
            await replay(self, session, with_tracer, threads)
            if with_tracer is other:
                await intake.withdraw(SCHOOL, "anna-3")

        monkeypatch.setattr(Student, "replay", replay_and_withdraw)
        assert await replay_ahead(store, other, at_least=LONG) == 0
    async with store.reading(SCHOOL) as session:
        assert await session.snapshots.newest("anna", other.version) is None


async def test_answers_are_stored_while_histories_are_replayed(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_replaying, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*_: object) -> int:
        is_replaying.set()
        await may_go_on.wait()
        return 0

    monkeypatch.setattr("knowtrace.tracing.intake.replay_ahead", slowly)
    other = Counting(tracer, Steps())
    async with Intake(store, tracer) as intake:
        switching = asyncio.create_task(intake.switch(other))
        await is_replaying.wait()
        [during] = await intake.submit(SCHOOL, [answer(tracer, 1)])
        may_go_on.set()
        await switching
        [after] = await intake.submit(SCHOOL, [answer(tracer, 2)])
    assert (during.model_version, after.model_version) == (tracer.version, other.version)


async def test_a_student_on_whom_the_model_fails_stops_no_switch(
    store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Counting(tracer, Steps())

    def fails(*_: object) -> None:
        raise ModelError("the runtime is gone")

    async with Intake(store, tracer) as intake:
        await fill(intake, tracer)
        monkeypatch.setattr(other, "answer", fails)
        monkeypatch.setattr("knowtrace.tracing.intake.replay_ahead", ahead_of(LONG))
        await intake.switch(other)


def ahead_of(at_least: int):
    async def ahead(store: Store, tracer: Tracer) -> int:
        return await replay_ahead(store, tracer, at_least=at_least)

    return ahead
