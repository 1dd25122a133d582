"""Write down everything that is kept of a student, line by line, page by page."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.store import Deed, Session
from knowtrace.store.portability import KINDS, PAGE, Belongings, PageEnd

SCHEMA_VERSION = 1

SENT = ("event_id", "student_id", "item_id", "response", "answered_at", "skill_ids")
SENT_IF_KNOWN = ("elapsed_seconds", "hints_used", "attempt", "session_id")

Line = dict[str, Any]
Read = Callable[[Belongings, str, PageEnd | None], Awaitable[list[Line]]]

LONG: Mapping[str, tuple[Read, tuple[str, ...]]] = {
    "recommendation": (Belongings.recommendations, ("created_at", "decision_id")),
    "record": (Belongings.records, ("stored_at", "standard", "record_id")),
    "message": (Belongings.messages, ("sequence",)),
    "job": (Belongings.jobs, ("created_at", "job_id")),
    "job_request": (Belongings.job_parts, ("job_id", "first_number")),
    "job_result": (Belongings.job_results, ("job_id", "number")),
}
"""Kinds of which there may be many: how a page is read, and what the next one begins behind."""


async def begin(classroom: Classroom, caller: Caller, student_id: str, request_id: str) -> None:
    """Note in the audit log that somebody was handed everything kept of a student."""
    deed = Deed(
        subject=caller.subject,
        role=caller.role.value,
        action="students.export",
        object=f"student:{student_id}",
        request_id=request_id,
    )
    async with classroom.store.writing(caller.tenant_id) as session:
        await session.audit.append(deed)


async def export(classroom: Classroom, caller: Caller, student_id: str) -> AsyncIterator[bytes]:
    """Yield JSON lines: `export` first, `end` with the count of each kind last; what has no `end` is cut short.

    Each page is read by itself, so that a slow reader holds no snapshot of the database open.
    """
    counts: Counter[str] = Counter(dict.fromkeys((*KINDS, "audit"), 0))
    head: Line = {
        "schema_version": SCHEMA_VERSION,
        "student_id": student_id,
        "exported_at": datetime.now(UTC),
    }
    yield _written("export", head)
    async for kind, rows in _pages(classroom, caller.tenant_id, student_id):
        counts[kind] += len(rows)
        yield b"".join(_written(kind, row) for row in rows)
    yield _written("end", {"counts": counts})


async def _pages(
    classroom: Classroom, tenant_id: str, student_id: str
) -> AsyncIterator[tuple[str, list[Line]]]:
    store = classroom.store
    after: tuple[datetime, int] | None = None
    is_last = False
    while not is_last:
        async with store.reading(tenant_id) as session:
            rows = await session.belongings.events(student_id, after)
            events = await _events(session, student_id, rows)
            audited = await _audited(session, [f"event:{row['event_id']}" for row in rows])
        is_last = len(rows) < PAGE
        if rows:
            after = rows[-1]["answered_at"], rows[-1]["position"]
            yield "event", events
            yield "audit", audited
    async with store.reading(tenant_id) as session:
        belongings = session.belongings
        former = await belongings.former_revisions(student_id)
        small = [
            ("former_event", [_revision(row, student_id) | {"event_id": row["event_id"]} for row in former]),
            ("state", await belongings.state(student_id)),
            ("mastery", await belongings.mastery(student_id)),
            ("consent", await belongings.consents(student_id)),
            ("key", await belongings.keys(student_id)),
            ("audit", await _audited(session, [f"student:{student_id}"])),
        ]
    for kind, rows in small:
        yield kind, rows
    for kind, (read, keys) in LONG.items():
        last: PageEnd | None = None
        is_last = False
        while not is_last:
            async with store.reading(tenant_id) as session:
                rows = await read(session.belongings, student_id, last)
            is_last = len(rows) < PAGE
            if rows:
                last = tuple(rows[-1][key] for key in keys)
                yield kind, _requests(rows) if kind == "job_request" else rows


def _requests(parts: Sequence[Line]) -> list[Line]:
    """Return the requests of parts of jobs, each by itself."""
    return [
        {"job_id": part["job_id"], "number": number, "request": request}
        for part in parts
        for number, request in part["requests"].items()
    ]


async def _events(session: Session, student_id: str, rows: Sequence[Line]) -> list[Line]:
    """Return answers as they would be sent again, each with what became of it."""
    older: dict[str, list[Line]] = {}
    for row in await session.belongings.revisions([row["event_id"] for row in rows]):
        older.setdefault(row["event_id"], []).append(_revision(row, student_id))
    return [
        {
            "event": {name: row[name] for name in SENT}
            | {name: row[name] for name in SENT_IF_KNOWN if row[name] is not None},
            "position": row["position"],
            "received_at": row["received_at"],
            "revision": row["revision"],
            "withdrawn_at": row["withdrawn_at"],
            "revisions": older.get(row["event_id"], []),
        }
        for row in rows
    ]


def _revision(row: Line, student_id: str) -> Line:
    """Return an older body; one that was another student's says only that it was."""
    is_own = row["body"]["student_id"] == student_id
    body: Line | None = row["body"] if is_own else None
    return {"revision": row["revision"], "replaced_at": row["replaced_at"], "is_own": is_own, "body": body}


async def _audited(session: Session, objects: Sequence[str]) -> list[Line]:
    return await session.belongings.audit([session.audit.object_hash(name) for name in objects])


def _written(kind: str, row: Line) -> bytes:
    return orjson.dumps({"kind": kind, **row}, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
