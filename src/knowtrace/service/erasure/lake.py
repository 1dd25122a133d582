"""From the database to the lake: who is erased here waits until a schedule has erased them there."""

import asyncio
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from knowtrace.jobs import Done, Ended, run_command
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Role
from knowtrace.settings import Settings
from knowtrace.store import Deed, LakeErasure, Outcome

SCHEDULE = "lake_erasure"
ACTION = "students.erase lake"
LAKE_RECEIPT = re.compile(r'"receipt_id":\s*"(\w+)"')

IDS = "_waiting.ids"
"""Within the lake, which still holds the students then. What a killed process leaves is overwritten by the next run."""

WAITING = (
    "The lake {lake}: the student id waits in the database until the schedule lake_erasure has erased it there; the "
    "audit log then has a line `students.erase lake` with this receipt."
)
WAITING_PUBLISHED = (
    "The tables that are published from the lake, in the database of KNOWTRACE_LAKE_DATABASE_URL: the same line says "
    "that they were published again without the student."
)
PUBLISHED = (
    "Tables that `knowtrace lake publish` wrote to a database: publish again, or let KNOWTRACE_LAKE_DATABASE_URL name "
    "it, so that erasures reach them."
)


def for_the_lake(settings: Settings, tenant_id: str, student_id: str, receipt_id: str) -> LakeErasure | None:
    """Return what the lake has to do, None where no lake is this tenant's."""
    if not _has_lake(settings, tenant_id):
        return None
    return LakeErasure(student_id=student_id, receipt_id=receipt_id)


def what_waits(settings: Settings, tenant_id: str) -> list[str]:
    """Return what a receipt says of the lake, and of what is published from it."""
    if not _has_lake(settings, tenant_id):
        return []
    of_published = [] if settings.lake_database_url is None else [WAITING_PUBLISHED]
    return [WAITING.format(lake=settings.lake), *of_published]


def what_is_not_reached(settings: Settings, tenant_id: str) -> list[str]:
    """Return what a receipt says of tables that were published from the lake, where no erasure reaches them."""
    is_reached = settings.lake_database_url is not None
    return [PUBLISHED] if _has_lake(settings, tenant_id) and not is_reached else []


async def erase_from_lake(classroom: Classroom, due_at: datetime) -> Done:
    """Let the lake erase everybody who waits, by a command of its own, and publish it again; then forget who they were.

    Stopped before the end, all wait on: the lake erases a student again, and is published again, without harm.
    """
    settings = classroom.settings
    assert settings.lake is not None
    async with classroom.store.reading(settings.lake_tenant) as session:
        waiting = await session.erasures.waiting_for_lake()
    if not waiting:
        return Done("Nobody waits to be erased from the lake.")
    ids = [written for one in waiting for written in as_sources_write(one.student_id, settings.accounts_home)]
    path = settings.lake / IDS
    try:
        await asyncio.to_thread(write_ids, path, ids)
        ended = await run_command(
            ["lake", "erase", "--lake", str(settings.lake), "--students", str(path), "--yes", "--json"],
            timeout_seconds=settings.schedule_timeout_hours * 3_600,
        )
    except OSError as error:
        return Done(
            f"The lake {settings.lake} cannot be written ({error.strerror}): all wait on.", Outcome.FAILED
        )
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    if ended.code != 0:
        return _failed("lake erase", ended, len(waiting))
    found = LAKE_RECEIPT.search(ended.output)
    receipt = f"receipt {found[1]} of the lake" if found else "they had been erased there before"
    said = f"The lake has erased {len(waiting)} students: {receipt}."
    if settings.lake_database_url is not None:
        # The command reads the database's URL from the environment: arguments show in the list of processes.
        published = await run_command(
            ["lake", "publish", "--lake", str(settings.lake)],
            timeout_seconds=settings.schedule_timeout_hours * 3_600,
        )
        if published.code != 0:
            return _failed(f"{said} But lake publish", published, len(waiting))
        said += " It is published again without them."
    async with classroom.store.writing(settings.lake_tenant) as session:
        for one in waiting:
            await session.erasures.lake_has_erased(one)
            await session.audit.append(_deed(one))
    await classroom.store.empty_write_ahead_log()
    return Done(said)


def _failed(what: str, ended: Ended, num_waiting: int) -> Done:
    how = "took too long and was stopped" if ended.code is None else f"ended with exit code {ended.code}"
    return Done(f"{what} {how}: {num_waiting} students wait on.\n{ended.output}", Outcome.FAILED)


def _has_lake(settings: Settings, tenant_id: str) -> bool:
    return settings.lake is not None and tenant_id == settings.lake_tenant


def as_sources_write(student_id: str, accounts_home: str | None) -> list[str]:
    """Return an id, and the account that a file of xAPI or Caliper names where we say the name alone."""
    return [student_id, *([f"{accounts_home.rstrip('/')}/{student_id}"] if accounts_home else [])]


def write_ids(path: Path, ids: Iterable[str]) -> None:
    """Write ids, one a line, to a file that only its owner may read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.writelines(f"{student_id}\n" for student_id in ids)


def _deed(one: LakeErasure) -> Deed:
    return Deed(
        subject=f"schedule:{SCHEDULE}",
        role=Role.OPERATOR.value,
        action=f"{ACTION} {one.receipt_id}",
        object=f"student:{one.student_id}",
    )
