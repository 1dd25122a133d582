"""Every row that is a student's, in whatever table, and its deletion.

A table that is added to the metadata must be named here, as one that holds students' rows, as one that holds none or
as one of those who wait: a test compares.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.access_tables import api_keys
from knowtrace.store.dialect import insert_new
from knowtrace.store.integration_tables import learning_records, outbox
from knowtrace.store.job_tables import job_parts, job_queue, job_results, jobs
from knowtrace.store.tables import (
    event_revisions,
    events,
    lake_erasures,
    recommendations,
    student_consents,
    student_mastery,
    student_snapshots,
    student_states,
)

WAITING: Mapping[str, str] = {"lake_erasures": "whom the lake still has to erase; a row goes when it has"}
"""Tables that name students who are erased here already, until they are erased elsewhere."""

NAMING = ("student_id", "user_id")
"""Words by which a job's JSON says whom it is about."""

Condition = Callable[[str, str], sa.ColumnElement[bool]]
"""From (tenant_id, student_id) to which rows of a table are that student's."""

HOLDS_NO_STUDENT: Mapping[str, str] = {
    "log_head": "two numbers for all",
    "model_roles": "which model plays which part",
    "item_parameters": "how hard items are",
    "bandit_state": "what a policy has learnt of all students of a tenant together",
    "audit_log": "names of what a deed was done to are hashes in it, and its lines are chained",
    "audit_heads": "where the audit log ends",
    "tenants": "who has ever stored anything",
    "schedule_runs": "what the installation did at set times",
    "webhooks": "where messages go",
    "subscriptions": "who has webhooks",
    "delivery_lanes": "where messages wait, by hashes",
    "standing_alerts": "what is wrong with the installation",
}


def _named_in(table: sa.FromClause) -> Condition:
    return lambda tenant_id, student_id: sa.and_(
        table.c.tenant_id == tenant_id, table.c.student_id == student_id
    )


def _revisions(tenant_id: str, student_id: str) -> sa.ColumnElement[bool]:
    """Older bodies of the student's answers, and of those that have been put down to somebody else since."""
    mine = sa.select(events.c.event_id).where(_named_in(events)(tenant_id, student_id))
    return sa.and_(
        event_revisions.c.tenant_id == tenant_id,
        sa.or_(
            event_revisions.c.event_id.in_(mine),
            event_revisions.c.body["student_id"].as_string() == student_id,
        ),
    )


def _jobs_naming(table: sa.Table) -> Condition:
    """Whole jobs that name the student in what they are to do or have done: half a job is of no use."""

    def condition(tenant_id: str, student_id: str) -> sa.ColumnElement[bool]:
        found = [
            sa.select(column.table.c.job_id).where(
                column.table.c.tenant_id == tenant_id, says(column, student_id)
            )
            for column in (job_parts.c.requests, job_results.c.result)
        ]
        return sa.and_(table.c.tenant_id == tenant_id, table.c.job_id.in_(sa.union(*found)))

    return condition


def says(column: sa.Column[Any], student_id: str) -> sa.ColumnElement[bool]:
    """Whether the JSON of a job names a student."""
    quoted = orjson.dumps(student_id).decode()
    return sa.or_(*(_holds(column, f'"{word}":{quoted}') for word in NAMING))


def names_in(held: object) -> Iterator[str]:
    """Yield the ids of students that JSON names, at whatever depth."""
    waiting = [held]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            parts = cast(dict[str, object], one)
            yield from (name for word in NAMING if isinstance(name := parts.get(word), str))
            waiting.extend(parts.values())
        elif isinstance(one, list):
            waiting.extend(cast(list[object], one))


def _holds(column: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    """Look for a text in JSON as it was written, letter by letter: SQLite's LIKE takes `Anna` for `anna`."""
    written = sa.cast(column, sa.Text)
    return sa.func.replace(written, text, "") != written


def _records(tenant_id: str, student_id: str) -> sa.ColumnElement[bool]:
    """Records of the student, and those of the student's attempts that do not say whose they are, as grades may not."""
    own = learning_records.alias()
    # Looked up for each row: SQLite would look only once, after the first rows are gone.
    is_of_an_attempt = sa.exists().where(
        _named_in(own)(tenant_id, student_id),
        own.c.standard == learning_records.c.standard,
        own.c.about_id == learning_records.c.about_id,
    )
    is_unsigned = sa.and_(learning_records.c.tenant_id == tenant_id, learning_records.c.student_id.is_(None))
    return sa.or_(_named_in(learning_records)(tenant_id, student_id), sa.and_(is_unsigned, is_of_an_attempt))


def _gone_with_their_job(table: sa.Table) -> Condition:
    left = sa.select(jobs.c.job_id)
    return lambda tenant_id, _: sa.and_(
        table.c.tenant_id == tenant_id, table.c.job_id.not_in(left.where(jobs.c.tenant_id == tenant_id))
    )


OF_STUDENT: Mapping[sa.Table, Condition] = {
    # Before the events: they tell whose the older bodies are.
    event_revisions: _revisions,
    events: _named_in(events),
    student_mastery: _named_in(student_mastery),
    student_snapshots: _named_in(student_snapshots),
    student_states: _named_in(student_states),
    recommendations: _named_in(recommendations),
    api_keys: _named_in(api_keys),
    student_consents: _named_in(student_consents),
    learning_records: _records,
    outbox: _named_in(outbox),
    # A job and its place in the queue go together, and its parts and results with it: what follows shows that none is
    # left.
    job_queue: _jobs_naming(job_queue),
    jobs: _jobs_naming(jobs),
    job_parts: _gone_with_their_job(job_parts),
    job_results: _gone_with_their_job(job_results),
}
"""Where students' rows are, in the order in which they are deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeErasure:
    """A student whom the lake still has to erase, and the receipt that says so."""

    student_id: str
    receipt_id: str


class Erasures:
    """Deletes a student of one tenant on one open connection, and keeps who is to be erased elsewhere; commits nothing
    itself.
    """

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def erase(self, student_id: str) -> dict[str, int]:
        """Delete every row of a student; return how many each table had."""
        counts: dict[str, int] = {}
        for table, is_of in OF_STUDENT.items():
            deleted = await self._connection.execute(
                sa.delete(table).where(is_of(self._tenant_id, student_id))
            )
            counts[table.name] = deleted.rowcount
        return counts

    async def await_lake(self, erasure: LakeErasure, *, at: datetime) -> None:
        """Note that the lake has to erase a student; of two receipts the first stays."""
        row = {
            "tenant_id": self._tenant_id,
            "student_id": erasure.student_id,
            "receipt_id": erasure.receipt_id,
            "erased_at": at,
        }
        await insert_new(self._connection, lake_erasures, [row])

    async def waiting_for_lake(self) -> list[LakeErasure]:
        """Return whom the lake still has to erase, in the order of their erasures."""
        columns = lake_erasures.c
        found = await self._connection.execute(
            sa.select(columns.student_id, columns.receipt_id)
            .where(columns.tenant_id == self._tenant_id)
            .order_by(columns.erased_at, columns.student_id)
        )
        return [LakeErasure(student_id=row.student_id, receipt_id=row.receipt_id) for row in found]

    async def lake_has_erased(self, erasure: LakeErasure) -> None:
        """Forget a student whom the lake has erased."""
        named = _named_in(lake_erasures)(self._tenant_id, erasure.student_id)
        await self._connection.execute(sa.delete(lake_erasures).where(named))
