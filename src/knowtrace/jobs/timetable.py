"""Run what is due: the latest missed time once, never twice at once, whatever process gets there first."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import structlog

from knowtrace.errors import ConflictError, KnowTraceError, NotFoundError
from knowtrace.jobs.leases import renew_until_lost
from knowtrace.jobs.rules import Rule
from knowtrace.store import Outcome, ScheduleRun, Store, Transaction

LEASE_SECONDS = 120.0
MOST_ATTEMPTS = 3
"""Processes that may die in one run before it is given up."""

log: Any = structlog.get_logger("knowtrace.schedules")


@dataclass(frozen=True, slots=True)
class Done:
    """How the work of a schedule ended, and what it did."""

    detail: str
    outcome: Outcome = Outcome.DONE


Tell = Callable[[Transaction, ScheduleRun, Outcome], Awaitable[None]]
"""Writes, in the transaction that ends a run, that it failed and will not be tried again."""

Work = Callable[[datetime], Awaitable[Done]]
"""Does what is due at a time. What it raises is written down as a failure."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Something that is done at set times. Without `work` it is not configured: `needs` names what it lacks."""

    name: str
    summary: str
    rule: Rule
    work: Work | None
    needs: str


class Timetable:
    """The schedules of an installation, in one of its processes.

    `note` hears of each run as it begins and ends, `tell` of those that fail for good.
    """

    def __init__(
        self,
        store: Store,
        schedules: Sequence[Schedule],
        *,
        now: Callable[[], datetime],
        lease_seconds: float = LEASE_SECONDS,
        note: Callable[[ScheduleRun, Outcome], None] = lambda run, outcome: None,
        tell: Tell | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._lease_seconds = lease_seconds
        self._note = note
        self._tell = tell
        self._settled: dict[str, datetime] = {}
        self._by_hand: set[asyncio.Task[None]] = set()
        self.schedules = {schedule.name: schedule for schedule in schedules}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop what was begun by hand: it is left as a crash would leave it."""
        for task in self._by_hand:
            task.cancel()
        await asyncio.gather(*self._by_hand, return_exceptions=True)

    def find(self, name: str) -> Schedule:
        """Return a schedule.

        Raises:
            NotFoundError: there is none of this name.
        """
        try:
            return self.schedules[name]
        except KeyError:
            raise NotFoundError(f"No schedule {name!r}. There are: {', '.join(self.schedules)}.") from None

    async def take_turn(self, name: str) -> bool:
        """Run a schedule if it is due; False when it is not, or another process has it.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        schedule = self.schedules[name]
        due_at = schedule.rule.latest(self._now())
        if schedule.work is None or self._settled.get(name) == due_at:
            return False
        run = await self._begin_due(schedule, due_at)
        if run is None:
            return False
        await self._do(schedule, run)
        return True

    async def begin(
        self, name: str, *, record: Callable[[Transaction], Awaitable[object]] | None = None
    ) -> ScheduleRun:
        """Begin a schedule now, whether or not it is due; `wait` or the way out ends it.

        `record` writes down who did, in the transaction that begins it.

        Raises:
            NotFoundError: there is none of this name.
            ConflictError: it is not configured, or is running.
        """
        schedule = self.find(name)
        if schedule.work is None:
            raise ConflictError(f"Schedule {name} is not configured: set {schedule.needs}.")
        now = self._now()
        async with self._store.transaction() as transaction:
            left = await transaction.schedules.unfinished(name)
            if left is not None and left.lease_until > now:
                raise ConflictError(
                    f"Schedule {name} is running since {left.started_at:%Y-%m-%d %H:%M:%S} UTC."
                )
            if left is not None:
                await transaction.schedules.finish(left, Outcome.LOST, "its process stopped", at=now)
                self._note(left, Outcome.LOST)
            run = self._new_run(name, now)
            await transaction.schedules.add(run)
            if record is not None:
                await record(transaction)
        task = asyncio.create_task(self._do(schedule, run), name=f"schedule {name}")
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)
        return run

    async def wait(self) -> None:
        """Wait until what was begun by hand has ended."""
        await asyncio.gather(*self._by_hand)

    async def _begin_due(self, schedule: Schedule, due_at: datetime) -> ScheduleRun | None:
        now, name = self._now(), schedule.name
        async with self._store.transaction() as transaction:
            runs = transaction.schedules
            left = await runs.unfinished(name)
            if left is not None and left.lease_until > now:
                return None
            if left is not None and left.attempts >= MOST_ATTEMPTS:
                detail = f"{left.attempts} processes stopped while they ran it"
                await self._finish(transaction, left, Done(detail, Outcome.LOST))
                self._note(left, Outcome.LOST)
            elif left is not None:
                worker, lease_until = self._worker(), self._lease_until()
                await runs.take_over(left, worker=worker, now=now, lease_until=lease_until)
                return await runs.find(name, left.due_at)
            latest = await runs.newest(name, limit=1)
            if latest and latest[0].due_at >= due_at:
                self._settled[name] = due_at
                return None
            run = self._new_run(name, due_at)
            if not latest:
                # What was due before anybody knew of this schedule was not missed.
                await runs.add(run)
                await runs.finish(run, Outcome.INSTALLED, "known since then", at=run.started_at)
                return None
            await runs.add(run)
        return run

    def _new_run(self, name: str, due_at: datetime) -> ScheduleRun:
        return ScheduleRun(
            schedule=name,
            due_at=due_at,
            started_at=self._now(),
            finished_at=None,
            outcome=Outcome.RUNNING,
            detail="",
            lease_until=self._lease_until(),
            worker=self._worker(),
            attempts=1,
        )

    def _worker(self) -> str:
        return secrets.token_hex(16)

    def _lease_until(self) -> datetime:
        return self._now() + timedelta(seconds=self._lease_seconds)

    async def _do(self, schedule: Schedule, run: ScheduleRun) -> None:
        assert schedule.work is not None
        self._note(run, Outcome.RUNNING)
        try:
            async with self._renewing(run):
                done = await schedule.work(run.due_at)
        except KnowTraceError as error:
            done = Done(str(error), Outcome.FAILED)
        except Exception as error:
            log.exception("schedule failed", schedule=schedule.name)
            done = Done(f"{type(error).__name__}: {error}", Outcome.FAILED)
        self._note(run, done.outcome)
        async with self._store.transaction() as transaction:
            await self._finish(transaction, run, done)

    async def _finish(self, transaction: Transaction, run: ScheduleRun, done: Done) -> None:
        is_ours = await transaction.schedules.finish(run, done.outcome, done.detail, at=self._now())
        if is_ours and self._tell is not None and done.outcome in (Outcome.FAILED, Outcome.LOST):
            await self._tell(transaction, run, done.outcome)

    @asynccontextmanager
    async def _renewing(self, run: ScheduleRun) -> AsyncGenerator[None]:
        """Hold a run while it is worked on. Once another process has taken it over, the work here is stopped."""
        async with asyncio.timeout(None) as held:

            async def renew() -> bool:
                async with self._store.transaction() as transaction:
                    return await transaction.schedules.renew(run, lease_until=self._lease_until())

            async def hold() -> None:
                await renew_until_lost(renew, seconds=self._lease_seconds, schedule=run.schedule)
                log.warning("another process has taken a run over", schedule=run.schedule)
                held.reschedule(asyncio.get_running_loop().time())

            task = asyncio.create_task(hold(), name="schedule lease")
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
