"""List schedules; begin one by hand."""

from datetime import UTC, datetime

from knowtrace.jobs import Schedule, Timetable
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.schedules.schemas import RunOut, ScheduleOut, SchedulesOut
from knowtrace.store import Deed, ScheduleRun, Store, Transaction

NUM_RUNS = 10


async def list_schedules(store: Store, timetable: Timetable) -> SchedulesOut:
    return SchedulesOut(
        schedules=[await _schedule(store, schedule) for schedule in timetable.schedules.values()]
    )


async def begin(
    classroom: Classroom, timetable: Timetable, caller: Caller, name: str, request_id: str
) -> RunOut:
    """Begin a schedule now.

    Raises:
        NotFoundError: there is none of this name.
        ConflictError: it is not configured, or is running.
    """
    deed = Deed(
        subject=caller.subject,
        role=caller.role.value,
        action="schedule run",
        object=f"schedule:{name}",
        request_id=request_id,
    )

    async def record(transaction: Transaction) -> None:
        session = await transaction.of(caller.tenant_id)
        await session.audit.append(deed, at=datetime.now(UTC))

    return run_out(await timetable.begin(name, record=record))


async def _schedule(store: Store, schedule: Schedule) -> ScheduleOut:
    is_configured = schedule.work is not None
    return ScheduleOut(
        name=schedule.name,
        summary=schedule.summary,
        rule=schedule.rule.text,
        next_due_at=schedule.rule.next(datetime.now(UTC)) if is_configured else None,
        is_configured=is_configured,
        needs=None if is_configured else schedule.needs,
        runs=[run_out(run) for run in await store.schedule_runs(schedule.name, limit=NUM_RUNS)],
    )


def run_out(run: ScheduleRun) -> RunOut:
    return RunOut(
        due_at=run.due_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        outcome=run.outcome,
        detail=run.detail,
        attempts=run.attempts,
    )
