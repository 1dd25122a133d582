"""`knowtrace schedule`: what is done at set times."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from knowtrace.cli.installation import DatabaseOption, settings_of
from knowtrace.cli.terminal import out, print_json

if TYPE_CHECKING:
    from knowtrace.service.schedules.schemas import RunOut, SchedulesOut
    from knowtrace.settings import Settings

app = typer.Typer(no_args_is_help=True, help="List what is done at set times, and do it now.")
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("list")
def list_command(*, database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """List schedules, when each is due next, and how it last ended.

    Example: knowtrace schedule list
    """
    found = asyncio.run(_list(settings_of(database_url=database)))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    table = Table("schedule", "rule (UTC)", "next", "last", "outcome", box=None, pad_edge=False)
    for schedule in found.schedules:
        last = schedule.runs[0] if schedule.runs else None
        table.add_row(
            schedule.name,
            schedule.rule,
            "not configured" if schedule.next_due_at is None else f"{schedule.next_due_at:%Y-%m-%d %H:%M}",
            "never" if last is None else f"{last.due_at:%Y-%m-%d %H:%M}",
            "" if last is None else last.outcome.value,
        )
    out.print(table)


@app.command("run")
def run_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which schedule; `list` names them.")],
    *,
    run_path: Annotated[
        Path | None, typer.Option("--run", help="The run that is served; default: KNOWTRACE_RUN.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Do now what a schedule does, and wait for it; exit code 1 if it does not end well.

    Example: knowtrace schedule run retention --run runs/dkt
    """
    ended = asyncio.run(_run(settings_of(run=run_path, database_url=database), name))
    if as_json:
        print_json(ended.model_dump(mode="json"))
    else:
        out.print(f"{name}: {ended.outcome.value}", markup=False)
        out.print(ended.detail, markup=False, soft_wrap=True)
    if ended.outcome != "done":
        raise typer.Exit(1)


async def _list(settings: "Settings") -> "SchedulesOut":
    from knowtrace.jobs import Timetable  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.identity.opening import open_store  # noqa: PLC0415
    from knowtrace.service.schedules.service import list_schedules  # noqa: PLC0415
    from knowtrace.service.schedules.work import schedules_of  # noqa: PLC0415

    async with open_store(settings) as store:
        timetable = Timetable(store, schedules_of(settings, None), now=lambda: datetime.now(UTC))
        return await list_schedules(store, timetable)


async def _run(settings: "Settings", name: str) -> "RunOut":
    from knowtrace.jobs import Timetable  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.classroom import open_classroom  # noqa: PLC0415
    from knowtrace.service.schedules.service import run_out  # noqa: PLC0415
    from knowtrace.service.schedules.work import schedules_of  # noqa: PLC0415

    async with open_classroom(settings) as classroom:
        store = classroom.store
        schedules = schedules_of(settings, classroom)
        async with Timetable(store, schedules, now=lambda: datetime.now(UTC)) as timetable:
            begun = await timetable.begin(name)
            await timetable.wait()
        runs = await store.schedule_runs(name, limit=100)
    return run_out(next(run for run in runs if run.due_at == begun.due_at))
