"""What is due is run once, what was missed is caught up with once, and a run that is left is begun again."""

import asyncio
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest

from knowtrace.errors import ConflictError, DataError, NotFoundError
from knowtrace.jobs import Done, Rule, Schedule, Timetable, Work
from knowtrace.jobs.timetable import LEASE_SECONDS, MOST_ATTEMPTS
from knowtrace.store import Outcome, ScheduleRun, Store, Transaction
from tests.jobs.conftest import Clock


class Desk:
    """Timetables on one store, and the due times that were worked on. It is noon when they are first known."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.worked: list[datetime] = []

    async def work(self, due_at: datetime) -> Done:
        self.worked.append(due_at)
        return Done("did it")

    def timetable(self, work: Work | None = None) -> Timetable:
        rule = Rule.parse("0 2 * * *")
        schedules = [
            Schedule(name="nightly", summary="", rule=rule, work=work or self.work, needs=""),
            Schedule(name="unset", summary="", rule=rule, work=None, needs="KNOWTRACE_X"),
        ]
        return Timetable(self.store, schedules, now=self.clock)

    async def runs(self) -> list[ScheduleRun]:
        return await self.store.schedule_runs("nightly", limit=20)


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 2, tzinfo=UTC)


async def test_what_was_due_before_it_was_known_was_not_missed(desk: Desk) -> None:
    timetable = desk.timetable()
    assert not await timetable.take_turn("nightly")
    assert desk.worked == []
    [known] = await desk.runs()
    assert (known.due_at, known.outcome) == (day(1), Outcome.INSTALLED)


async def test_a_due_time_is_run_once_however_many_processes_look(desk: Desk) -> None:
    await desk.timetable().take_turn("nightly")
    desk.clock.time = day(2) - timedelta(seconds=1)
    assert not await desk.timetable().take_turn("nightly")
    desk.clock.time = day(2)
    timetables = [desk.timetable() for _ in range(5)]
    assert sum(await asyncio.gather(*(t.take_turn("nightly") for t in timetables))) == 1
    assert not any([await t.take_turn("nightly") for t in timetables])
    assert desk.worked == [day(2)]
    newest = (await desk.runs())[0]
    assert (newest.outcome, newest.detail, newest.finished_at) == (Outcome.DONE, "did it", day(2))


async def test_only_the_latest_missed_time_is_caught_up_with(desk: Desk) -> None:
    await desk.timetable().take_turn("nightly")
    desk.clock.advance(5 * 86_400)
    timetable = desk.timetable()
    assert await timetable.take_turn("nightly")
    assert not await timetable.take_turn("nightly")
    assert desk.worked == [day(6)]


async def test_a_run_that_takes_long_is_not_begun_beside_itself(desk: Desk) -> None:
    await desk.timetable().take_turn("nightly")
    desk.clock.time = day(2)
    began, go_on = asyncio.Event(), asyncio.Event()

    async def long(due_at: datetime) -> Done:
        began.set()
        await go_on.wait()
        return await desk.work(due_at)

    running = asyncio.create_task(desk.timetable(long).take_turn("nightly"))
    await began.wait()
    assert not await desk.timetable().take_turn("nightly")
    with pytest.raises(ConflictError, match="is running since 2026-03-02 02:00:00 UTC"):
        await desk.timetable().begin("nightly")
    go_on.set()
    await running
    assert desk.worked == [day(2)]


async def test_a_run_whose_process_died_is_begun_again_and_at_last_given_up(desk: Desk) -> None:
    await desk.timetable().take_turn("nightly")
    desk.clock.time = day(2)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        began = asyncio.Event()

        async def hang(due_at: datetime, began: asyncio.Event = began) -> Done:
            began.set()
            await asyncio.Event().wait()
            return Done("")

        dying = asyncio.create_task(desk.timetable(hang).take_turn("nightly"))
        await began.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        newest = (await desk.runs())[0]
        assert (newest.due_at, newest.attempts, newest.outcome) == (day(2), attempt, Outcome.RUNNING)
        assert not await desk.timetable().take_turn("nightly"), "its lease has not ended"
        desk.clock.advance(LEASE_SECONDS + 1)
    assert not await desk.timetable().take_turn("nightly")
    newest = (await desk.runs())[0]
    assert (newest.outcome, newest.detail) == (Outcome.LOST, "3 processes stopped while they ran it")
    assert desk.worked == []


async def test_a_failure_is_written_down_and_not_repeated_before_it_is_due(desk: Desk) -> None:
    await desk.timetable().take_turn("nightly")

    async def ours(due_at: datetime) -> Done:
        raise DataError("The folder is empty.")

    async def bug(due_at: datetime) -> Done:
        raise ValueError("x" * 10_000)

    for number, (work, detail) in enumerate([(ours, "The folder is empty."), (bug, "x" * 4_000)], 2):
        desk.clock.time = day(number)
        assert await desk.timetable(work).take_turn("nightly")
        assert not await desk.timetable(work).take_turn("nightly")
        newest = (await desk.runs())[0]
        assert (newest.outcome, newest.detail) == (Outcome.FAILED, detail)


async def test_who_hears_of_failures_hears_of_those_that_are_not_tried_again(desk: Desk) -> None:
    """A run whose process stopped is begun again: only what failed, or was lost three times, is told."""
    told: list[tuple[datetime, Outcome]] = []
    noted: list[Outcome] = []

    def note(_run: ScheduleRun, outcome: Outcome) -> None:
        noted.append(outcome)

    async def tell(transaction: Transaction, run: ScheduleRun, outcome: Outcome) -> None:
        assert await transaction.schedules.unfinished("nightly") is None, "told in the transaction of its end"
        told.append((run.due_at, outcome))

    async def fail(due_at: datetime) -> Done:
        raise DataError("The folder is empty.")

    def timetable(work: Work) -> Timetable:
        schedule = Schedule(name="nightly", summary="", rule=Rule.parse("0 2 * * *"), work=work, needs="")
        return Timetable(desk.store, [schedule], now=desk.clock, note=note, tell=tell)

    await timetable(desk.work).take_turn("nightly")
    desk.clock.time = day(2)
    await timetable(fail).take_turn("nightly")
    desk.clock.time = day(3)
    for _ in range(MOST_ATTEMPTS):
        stopping = timetable(desk.work)
        stopping._do = AsyncMock()  # type: ignore[method-assign]  # its process stops
        assert await stopping.take_turn("nightly")
        desk.clock.advance(LEASE_SECONDS + 1)
    assert told == [(day(2), Outcome.FAILED)]
    assert not await timetable(desk.work).take_turn("nightly")
    assert told == [(day(2), Outcome.FAILED), (day(3), Outcome.LOST)]
    assert noted == [Outcome.RUNNING, Outcome.FAILED, Outcome.LOST]
    desk.clock.time = day(4)
    assert await timetable(desk.work).take_turn("nightly")
    assert len(told) == 2


async def test_what_is_begun_by_hand_is_a_run_of_its_own(desk: Desk) -> None:
    await desk.timetable().take_turn("nightly")
    desk.clock.advance(60)
    async with desk.timetable() as timetable:
        run = await timetable.begin("nightly")
        await timetable.wait()
    assert run.due_at == desk.clock()
    assert (await desk.runs())[0].outcome is Outcome.DONE
    desk.clock.time = day(2)
    assert await desk.timetable().take_turn("nightly")
    assert len(desk.worked) == 2


async def test_what_cannot_be_begun_says_why(desk: Desk) -> None:
    timetable = desk.timetable()
    with pytest.raises(NotFoundError, match=r"No schedule 'x'\. There are: nightly, unset"):
        await timetable.begin("x")
    with pytest.raises(ConflictError, match="Schedule unset is not configured: set KNOWTRACE_X"):
        await timetable.begin("unset")
    assert not await timetable.take_turn("unset")


async def test_work_is_stopped_once_another_process_has_taken_the_run_over(desk: Desk) -> None:
    """Of two that train at once, both could let their model answer."""
    await desk.timetable().take_turn("nightly")
    desk.clock.time = day(2)
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def train(due_at: datetime) -> Done:
        begun.set()
        try:
            await asyncio.sleep(3_600)
        finally:
            stopped.set()
        raise AssertionError("it slept for an hour")

    schedule = Schedule(name="nightly", summary="", rule=Rule.parse("0 2 * * *"), work=train, needs="")
    timetable = Timetable(desk.store, [schedule], now=desk.clock, lease_seconds=0.3)
    turn = asyncio.create_task(timetable.take_turn("nightly"))
    async with asyncio.timeout(10):
        await begun.wait()
        run = (await desk.runs())[0]
        async with desk.store.transaction() as transaction:
            until = desk.clock() + timedelta(seconds=60)
            await transaction.schedules.take_over(run, worker="other", now=desk.clock(), lease_until=until)
        await stopped.wait()
        assert await turn
    left = (await desk.runs())[0]
    assert (left.outcome, left.worker, left.finished_at) == (Outcome.RUNNING, "other", None)
