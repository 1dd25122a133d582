"""Everything that is kept of a student, by pages, to be handed out; and what students have agreed to."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.access_tables import api_keys, audit_log
from knowtrace.store.dialect import upsert
from knowtrace.store.erasure import OF_STUDENT, names_in, says
from knowtrace.store.integration_tables import learning_records, outbox
from knowtrace.store.job_tables import job_parts, job_queue, job_results, jobs
from knowtrace.store.tables import (
    Row,
    event_revisions,
    events,
    recommendations,
    student_consents,
    student_mastery,
    student_snapshots,
    student_states,
)

PAGE = 500

PageEnd = tuple[Any, ...]
"""Where a page ends: what its last row has in the columns that it is ordered by."""

KINDS: Mapping[str, sa.Table] = {
    "event": events,
    "former_event": event_revisions,
    "state": student_states,
    "mastery": student_mastery,
    "consent": student_consents,
    "key": api_keys,
    "recommendation": recommendations,
    "record": learning_records,
    "message": outbox,
    "job": jobs,
    "job_request": job_parts,
    "job_result": job_results,
}
"""What is handed out of a student, and the table it is kept in."""

NOT_HANDED_OUT: Mapping[sa.Table, str] = {
    student_snapshots: "older copies of the state, made of the answers up to each: both are handed out",
    job_queue: "when a worker turns to a job; how far the job is, its own line says",
}
"""Tables of students' rows that say nothing which is not handed out."""

TRAINING = "training"
"""The purpose that consent is asked for: to train models on the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Whether a student, or who speaks for them, agreed to a purpose."""

    student_id: str
    purpose: str
    given: bool
    changed_at: datetime
    changed_by: str


class Consents:
    """Reads and writes one tenant's consents on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def get(self, student_id: str, purpose: str) -> Consent | None:
        found = [
            consent async for consent in self._read(purpose, student_consents.c.student_id == student_id)
        ]
        return found[0] if found else None

    async def decided(self, purpose: str) -> Mapping[str, bool]:
        """Return what was decided for each student who was asked about a purpose."""
        return {consent.student_id: consent.given async for consent in self._read(purpose, sa.true())}

    async def put(self, consent: Consent) -> None:
        row = {
            "tenant_id": self._tenant_id,
            "student_id": consent.student_id,
            "purpose": consent.purpose,
            "given": consent.given,
            "changed_at": consent.changed_at,
            "changed_by": consent.changed_by,
        }
        await upsert(self._connection, student_consents, [row])

    async def _read(self, purpose: str, which: sa.ColumnElement[bool]) -> AsyncIterator[Consent]:
        columns = (column for column in student_consents.c if column is not student_consents.c.tenant_id)
        mine = sa.select(*columns).where(
            student_consents.c.tenant_id == self._tenant_id, student_consents.c.purpose == purpose, which
        )
        for row in (await self._connection.execute(mine)).mappings():
            yield Consent(**row)


class Belongings:
    """Reads one student's rows of one tenant by pages, on one open connection."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def events(self, student_id: str, after: tuple[datetime, int] | None) -> list[Row]:
        """Return up to PAGE answers, withdrawn ones too, in the order they were given."""
        c = events.c
        mine = self._of(events, student_id).order_by(c.answered_at, c.position).limit(PAGE)
        if after is not None:
            place = sa.tuple_(sa.literal(after[0], c.answered_at.type), sa.literal(after[1], sa.BigInteger))
            mine = mine.where(sa.tuple_(c.answered_at, c.position) > place)
        return await self._read(mine)

    async def revisions(self, event_ids: Sequence[str]) -> list[Row]:
        """Return the older bodies of answers, the oldest first."""
        c = event_revisions.c
        return await self._read(
            sa.select(event_revisions)
            .where(c.tenant_id == self._tenant_id, c.event_id.in_(event_ids))
            .order_by(c.event_id, c.revision)
        )

    async def former_revisions(self, student_id: str) -> list[Row]:
        """Return older bodies that name a student, of answers that have been put down to somebody else since."""
        c = event_revisions.c
        mine = sa.select(events.c.event_id).where(
            events.c.tenant_id == self._tenant_id, events.c.student_id == student_id
        )
        return await self._read(
            sa.select(event_revisions)
            .where(
                c.tenant_id == self._tenant_id,
                c.body["student_id"].as_string() == student_id,
                c.event_id.not_in(mine),
            )
            .order_by(c.event_id, c.revision)
        )

    async def state(self, student_id: str) -> list[Row]:
        rows = await self._read(self._of(student_states, student_id))
        return [row | {"vector": np.frombuffer(row["vector"], dtype="<f4").tolist()} for row in rows]

    async def mastery(self, student_id: str) -> list[Row]:
        return await self._read(self._of(student_mastery, student_id).order_by(student_mastery.c.skill_id))

    async def recommendations(self, student_id: str, after: PageEnd | None) -> list[Row]:
        """Return up to PAGE decisions, the oldest first."""
        c = recommendations.c
        return await self._page(self._of(recommendations, student_id), (c.created_at, c.decision_id), after)

    async def keys(self, student_id: str) -> list[Row]:
        """Return the student's keys without their hashes."""
        hidden = {"hash", "previous_hash", "previous_expires_at"}
        columns = [column for column in api_keys.c if column.name not in hidden]
        return await self._read(
            self._of(api_keys, student_id).with_only_columns(*columns).order_by(api_keys.c.created_at)
        )

    async def consents(self, student_id: str) -> list[Row]:
        return await self._read(self._of(student_consents, student_id))

    async def records(self, student_id: str, after: PageEnd | None) -> list[Row]:
        """Return up to PAGE records, those too that are the student's only by their attempt, the oldest first."""
        c = learning_records.c
        hidden = {"hash", "kind"}
        columns = [c.kind.label("record_kind"), *(column for column in c if column.name not in hidden)]
        mine = sa.select(*columns).where(OF_STUDENT[learning_records](self._tenant_id, student_id))
        return await self._page(mine, (c.stored_at, c.standard, c.record_id), after)

    async def messages(self, student_id: str, after: PageEnd | None) -> list[Row]:
        """Return up to PAGE messages, the oldest first, without what their receivers said."""
        c = outbox.c
        hidden = {"lane", "last_error", "available_at", "kind"}
        columns = [c.kind.label("message_kind"), *(column for column in c if column.name not in hidden)]
        return await self._page(
            self._of(outbox, student_id).with_only_columns(*columns), (c.sequence,), after
        )

    async def jobs(self, student_id: str, after: PageEnd | None) -> list[Row]:
        """Return up to PAGE jobs that name the student, the oldest first: nothing of who asked for them."""
        c = jobs.c
        columns = (
            c.job_id,
            c.kind.label("job_kind"),
            c.priority,
            c.status,
            c.created_at,
            c.started_at,
            c.finished_at,
        )
        mine = sa.select(*columns).where(OF_STUDENT[jobs](self._tenant_id, student_id))
        return await self._page(mine, (c.created_at, c.job_id), after)

    async def job_parts(self, student_id: str, after: PageEnd | None) -> list[Row]:
        """Return up to PAGE parts of jobs, each with those of its requests, by number, that name the student."""
        c = job_parts.c
        mine = sa.select(job_parts).where(c.tenant_id == self._tenant_id, says(c.requests, student_id))
        rows = await self._page(mine, (c.job_id, c.first_number), after)
        return [row | {"requests": _requests_of(row, student_id)} for row in rows]

    async def job_results(self, student_id: str, after: PageEnd | None) -> list[Row]:
        """Return up to PAGE results of jobs that name the student."""
        c = job_results.c
        mine = sa.select(job_results).where(c.tenant_id == self._tenant_id, says(c.result, student_id))
        return await self._page(mine, (c.job_id, c.number), after)

    async def audit(self, object_hashes: Sequence[str]) -> list[Row]:
        """Return the audit lines about some objects, the oldest first."""
        c = audit_log.c
        return await self._read(
            sa.select(c.sequence, c.at, c.role, c.action, c.outcome)
            .where(c.tenant_id == self._tenant_id, c.object_hash.in_(object_hashes))
            .order_by(c.sequence)
        )

    async def highest_response(self) -> int:
        """Return the highest response category among the tenant's answers, 0 without any."""
        c = events.c
        highest = sa.select(sa.func.max(c.response)).where(c.tenant_id == self._tenant_id)
        return await self._connection.scalar(highest) or 0

    async def _page(self, mine: Any, keys: Sequence[sa.Column[Any]], after: PageEnd | None) -> list[Row]:
        if after is not None:
            place = (sa.literal(value, key.type) for value, key in zip(after, keys, strict=True))
            mine = mine.where(sa.tuple_(*keys) > sa.tuple_(*place))
        return await self._read(mine.order_by(*keys).limit(PAGE))

    def _of(self, table: sa.Table, student_id: str) -> sa.Select[Any]:
        return sa.select(table).where(table.c.tenant_id == self._tenant_id, table.c.student_id == student_id)

    async def _read(self, statement: Any) -> list[Row]:
        rows = (await self._connection.execute(statement)).mappings()
        return [{str(name): value for name, value in row.items() if name != "tenant_id"} for row in rows]


def _requests_of(part: Row, student_id: str) -> dict[int, Any]:
    numbered = enumerate(part["requests"], part["first_number"])
    return {number: request for number, request in numbered if student_id in names_in(request)}
