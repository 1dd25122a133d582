"""Erase a student through whoever writes, and say what was erased and what was not."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from knowtrace.errors import RunError
from knowtrace.registry.manifest import Manifest, json_of
from knowtrace.service.classroom import Classroom
from knowtrace.service.erasure.answer_files import delete_answer_files
from knowtrace.service.erasure.lake import for_the_lake, what_is_not_reached, what_waits
from knowtrace.service.erasure.schemas import Receipt, TrainedModel
from knowtrace.service.identity.caller import Caller
from knowtrace.service.lineup import find_runs
from knowtrace.service.state_cache import RedisStates
from knowtrace.settings import Settings
from knowtrace.store import Deed, Store
from knowtrace.tracing import StudentKey
from knowtrace.tracing.erasing import Erased, Erasure, erase

ACTION = "students.erase"

NOT_COVERED = (
    "Backups and replicas of the database: they hold the student until they are replaced.",
    "The models named above: what training took from the student's answers stays in them until they are trained anew.",
    "Data that were copied out before: exports, and files of answers that are not in the folder of exports.",
    "Log lines: they hold a keyed hash of the student id; without KNOWTRACE_LOG_KEY it cannot be turned back.",
    "The audit log: it keeps a hash of the student id, so that this erasure can be shown.",
)
LAKE = "The lake: `knowtrace lake erase` reaches it, or KNOWTRACE_LAKE and KNOWTRACE_LAKE_TENANT let erasures do so."
POSTGRESQL = "PostgreSQL's own files: deleted rows leave them with VACUUM, and its write-ahead log when it is recycled."
STATE_CACHE = (
    "Files of the state cache's Redis, if it keeps any: what was deleted leaves them when they are rewritten."
)
STATE_CACHE_AWAY = (
    "The state cache in Redis, which did not take the erasure: under a keyed hash of the student id it may hold the "
    "last state, which no answer is made of any more, for up to {:,} s."
)


async def erase_student(classroom: Classroom, caller: Caller, student_id: str, request_id: str) -> Receipt:
    """Erase a student behind every answer that was sent before.

    Raises:
        UnavailableError: nothing was erased; ask again.
    """
    receipt_id = new_receipt_id()
    deed = deed_of(caller, student_id, receipt_id, request_id)
    lake = for_the_lake(classroom.settings, caller.tenant_id, student_id, receipt_id)
    erased = await classroom.intake.erase(
        Erasure(tenant_id=caller.tenant_id, student_id=student_id, deed=deed, lake=lake)
    )
    states = classroom.states
    is_forgotten = states is None or await states.forget(StudentKey(caller.tenant_id, student_id))
    models = await asyncio.to_thread(
        models_in,
        classroom.settings.models or classroom.settings.run.parent,
        loaded=[model.version for model in classroom.lineup.loaded],
    )
    num_files, of_files = await delete_answer_files(classroom.settings, caller.tenant_id, [student_id])
    of_lake = what_is_not_reached(classroom.settings, caller.tenant_id)
    not_covered = [*of_lake, *of_files, *_of_shared(states, is_forgotten=is_forgotten)]
    waiting = what_waits(classroom.settings, caller.tenant_id)
    return await receipt(classroom.store, receipt_id, [erased], models, waiting, not_covered, num_files)


async def erase_directly(
    store: Store,
    settings: Settings,
    caller: Caller,
    student_ids: Sequence[str],
    models: list[TrainedModel],
    states: RedisStates | None,
) -> Receipt:
    """Erase students without a service; those that run learn of it within seconds.

    Raises:
        UnavailableError: the database cannot be written; the students before are erased.
    """
    receipt_id = new_receipt_id()
    erased, num_files, notes = await _erase_each(store, settings, caller, student_ids, receipt_id, states)
    waiting = what_waits(settings, caller.tenant_id)
    return await receipt(store, receipt_id, erased, models, waiting, notes, num_files)


async def retain_directly(
    store: Store,
    settings: Settings,
    caller: Caller,
    student_ids: Sequence[str],
    models: list[TrainedModel],
    states: RedisStates | None,
    *,
    before: datetime,
) -> tuple[Receipt | None, int]:
    """Erase those students without a service who are still silent since before a time, and count the others.

    Raises:
        UnavailableError: the database cannot be written; the students before are erased.
    """
    receipt_id = new_receipt_id()
    erased, num_files, notes = await _erase_each(
        store, settings, caller, student_ids, receipt_id, states, before=before
    )
    num_kept = len(student_ids) - len(erased)
    if not erased:
        return None, num_kept
    waiting = what_waits(settings, caller.tenant_id)
    return await receipt(store, receipt_id, erased, models, waiting, notes, num_files), num_kept


async def receipt(
    store: Store,
    receipt_id: str,
    erased: Sequence[Erased],
    models: list[TrainedModel],
    waiting: list[str],
    not_covered: Sequence[str],
    num_answer_files: int,
) -> Receipt:
    """Write the receipt of some erasures, after taking what they deleted out of the database's log."""
    is_file_clean = await store.empty_write_ahead_log()
    rows: dict[str, int] = {}
    for one in erased:
        for table, count in one.rows.items():
            rows[table] = rows.get(table, 0) + count
    return Receipt(
        receipt_id=receipt_id,
        erased_at=erased[-1].at,
        num_students=len(erased),
        rows=rows,
        num_answer_files=num_answer_files,
        models_trained_before=models,
        waiting=waiting,
        not_covered=[
            *NOT_COVERED,
            *([] if waiting else [LAKE]),
            *([POSTGRESQL] if is_file_clean is None else []),
            *not_covered,
        ],
        audit_line=erased[-1].audit_line,
        is_file_clean=is_file_clean,
    )


def models_in(folder: Path, *, loaded: Sequence[str] = ()) -> list[TrainedModel]:
    """Return the models of a folder, and loaded ones that are not in it any more, with what they were trained on."""
    found = {run.version: _config_of(run.path) for run in find_runs(folder)}
    configs: dict[str, dict[str, Any]] = {version: {} for version in loaded} | found
    return [
        _trained(version, config, is_loaded=version in loaded) for version, config in sorted(configs.items())
    ]


def new_receipt_id() -> str:
    return secrets.token_hex(8)


def deed_of(caller: Caller, student_id: str, receipt_id: str, request_id: str) -> Deed:
    return Deed(
        subject=caller.subject,
        role=caller.role.value,
        action=f"{ACTION} {receipt_id}",
        object=f"student:{student_id}",
        request_id=request_id,
    )


async def _erase_each(
    store: Store,
    settings: Settings,
    caller: Caller,
    student_ids: Sequence[str],
    receipt_id: str,
    states: RedisStates | None,
    *,
    before: datetime | None = None,
) -> tuple[list[Erased], int, list[str]]:
    """Erase students one by one, with `before` only those who are silent since, then the files of answers with them.

    Returns how many files those were, and what a receipt says of published tables, of files and of Redis.
    """

    async def one(student_id: str) -> Erased | None:
        erasure = Erasure(
            tenant_id=caller.tenant_id,
            student_id=student_id,
            deed=deed_of(caller, student_id, receipt_id, ""),
            lake=for_the_lake(settings, caller.tenant_id, student_id, receipt_id),
        )
        async with store.transaction() as transaction:
            # Here, where nobody else writes: who was found silent may have answered since.
            if before is not None:
                session = await transaction.of(caller.tenant_id)
                if not await session.silence.is_silent(student_id, before):
                    return None
            return await erase(transaction, erasure)

    erased: dict[str, Erased] = {}
    is_forgotten = True
    for student_id in student_ids:
        done = await one(student_id)
        if done is None:
            continue
        erased[student_id] = done
        if states is not None and is_forgotten:  # one that was away is not waited for again
            is_forgotten = await states.forget(StudentKey(caller.tenant_id, student_id))
    num_files, of_files = await delete_answer_files(settings, caller.tenant_id, erased)
    of_lake = what_is_not_reached(settings, caller.tenant_id)
    notes = [*of_lake, *of_files, *_of_shared(states, is_forgotten=is_forgotten)]
    return list(erased.values()), num_files, notes


def _of_shared(states: RedisStates | None, *, is_forgotten: bool) -> list[str]:
    if states is None:
        return []
    return [STATE_CACHE if is_forgotten else STATE_CACHE_AWAY.format(states.keep_seconds)]


def _config_of(path: Path) -> dict[str, Any]:
    """Return a run's config as it was sealed; nothing of one that was changed since."""
    try:
        return json_of(Manifest.of(path).read("config.json"), path / "config.json")
    except RunError:
        return {}


def _trained(version: str, config: dict[str, Any], *, is_loaded: bool) -> TrainedModel:
    data = config.get("data") or {}
    return TrainedModel(
        version=version,
        trained_at=config.get("created_at"),
        data=data.get("name"),
        data_fingerprint=data.get("fingerprint"),
        is_loaded=is_loaded,
    )
