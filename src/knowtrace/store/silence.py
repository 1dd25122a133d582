"""Of when what is kept of each student is: who has been silent too long is found by it, and looked at again.

Silent is whose last answer that counts is older. Of whom no answer counts, nothing else that is kept may be newer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.access_tables import api_keys
from knowtrace.store.erasure import OF_STUDENT, names_in
from knowtrace.store.integration_tables import learning_records, outbox
from knowtrace.store.job_tables import job_parts, job_queue, job_results, jobs
from knowtrace.store.tables import (
    UtcDateTime,
    event_revisions,
    events,
    recommendations,
    student_consents,
    student_mastery,
    student_snapshots,
    student_states,
)

PAGE = 10_000
JOB_PAGE = 500


@dataclass(frozen=True, slots=True)
class Dated:
    """Whose the rows of a table are, of when they are, and which of them name anybody."""

    student_id: sa.ColumnElement[Any]
    at: sa.ColumnElement[Any]
    names_somebody: sa.ColumnElement[bool]


def _dated(table: sa.Table, at: sa.ColumnElement[Any]) -> Dated:
    student_id = table.c.student_id
    # A message about nobody has an empty id.
    return Dated(student_id, at, sa.and_(student_id.is_not(None), student_id != ""))


NAMED_BEFORE = event_revisions.c.body["student_id"].as_string()
IS_THEIRS_STILL = sa.exists().where(
    events.c.tenant_id == event_revisions.c.tenant_id,
    events.c.event_id == event_revisions.c.event_id,
    events.c.student_id == NAMED_BEFORE,
)

DATED: Mapping[sa.Table, Dated] = {
    # First: it tells the database the types of the others. An answer is of when it was given, withdrawn or not.
    events: _dated(events, events.c.answered_at),
    # Only of answers that are another student's now: the others are of when the answer is.
    event_revisions: Dated(NAMED_BEFORE, event_revisions.c.replaced_at, ~IS_THEIRS_STILL),
    recommendations: _dated(recommendations, recommendations.c.created_at),
    api_keys: _dated(api_keys, sa.func.coalesce(api_keys.c.last_used_at, api_keys.c.created_at)),
    student_consents: _dated(student_consents, student_consents.c.changed_at),
    learning_records: _dated(learning_records, learning_records.c.stored_at),
    outbox: _dated(outbox, outbox.c.created_at),
}
"""Tables whose rows say by themselves whose and of when they are."""

IN_JOBS = (jobs, job_queue, job_parts, job_results)
"""Jobs name students within what they are to do or have done, and are of when they were asked for."""

MADE_OF_ANSWERS = (student_mastery, student_snapshots, student_states)
"""Tables of whose students `events` has every answer, withdrawn ones too."""


class Silence:
    """Finds silent students of one tenant on one open connection; changes nothing."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def since(self, before: datetime) -> list[str]:
        """Return the ids of all students who are silent since before a time."""
        in_jobs = await self._last_jobs()
        found: list[str] = []
        after, page_size = "", PAGE
        while page_size == PAGE:
            page = await self._silent(before, after)
            for student_id, has_answers in page:
                job_at = in_jobs.pop(student_id, None)
                if has_answers or job_at is None or job_at < before:
                    found.append(student_id)
            page_size = len(page)
            after = page[-1][0] if page else after
        old = sorted(student_id for student_id, job_at in in_jobs.items() if job_at < before)
        for start in range(0, len(old), JOB_PAGE):
            some = old[start : start + JOB_PAGE]
            elsewhere = set(await self._kept_of(some))
            found += [student_id for student_id in some if student_id not in elsewhere]
        return found

    async def is_silent(self, student_id: str, before: datetime) -> bool:
        """Return whether a student is silent since before a time; one of whom nothing is kept is not."""
        row = (await self._connection.execute(self._last(lambda name: name == student_id))).first()
        if row is not None and row.answered_at is not None:
            return row.answered_at < before
        naming = OF_STUDENT[jobs](self._tenant_id, student_id)
        job_at = await self._connection.scalar(sa.select(sa.func.max(jobs.c.created_at)).where(naming))
        dates = [at for at in (row and row.kept_at, job_at) if at is not None]
        return bool(dates) and max(dates) < before

    async def _silent(self, before: datetime, after: str) -> list[tuple[str, bool]]:
        """Return up to PAGE students who are silent as far as DATED tells, and whether they have answers."""
        last = self._last(lambda name: name > after).subquery()
        is_silent = sa.func.coalesce(last.c.answered_at, last.c.kept_at) < sa.literal(before, UtcDateTime())
        found = await self._connection.execute(
            sa.select(last).where(is_silent).order_by(last.c.student_id).limit(PAGE)
        )
        return [(row.student_id, row.answered_at is not None) for row in found]

    async def _kept_of(self, student_ids: Sequence[str]) -> list[str]:
        last = self._last(lambda name: name.in_(student_ids)).subquery()
        return list(await self._connection.scalars(sa.select(last.c.student_id)))

    def _last(
        self, which: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]
    ) -> sa.Select[Any, Any, Any]:
        """Select for each student when the last answer that counts was given, and of when the newest row is."""
        nothing = sa.null().label("answered_at")
        answered = sa.case((events.c.withdrawn_at.is_(None), events.c.answered_at)).label("answered_at")
        rows = sa.union_all(
            *(
                sa.select(
                    dated.student_id.label("student_id"),
                    answered if table is events else nothing,
                    dated.at.label("kept_at"),
                ).where(
                    table.c.tenant_id == self._tenant_id,
                    dated.names_somebody,
                    which(dated.student_id),
                )
                for table, dated in DATED.items()
            )
        ).subquery()
        return sa.select(
            rows.c.student_id,
            sa.func.max(rows.c.answered_at).label("answered_at"),
            sa.func.max(rows.c.kept_at).label("kept_at"),
        ).group_by(rows.c.student_id)

    async def _last_jobs(self) -> dict[str, datetime]:
        """Return everybody whom a job names, and when the last job that does was asked for."""
        found: dict[str, datetime] = {}
        for number, body in (
            (job_parts.c.first_number, job_parts.c.requests),
            (job_results.c.number, job_results.c.result),
        ):
            table = number.table
            key = sa.tuple_(table.c.job_id, number)
            mine = (
                sa.select(table.c.job_id, number, body, jobs.c.created_at)
                .join(jobs, sa.and_(jobs.c.tenant_id == table.c.tenant_id, jobs.c.job_id == table.c.job_id))
                .where(table.c.tenant_id == self._tenant_id)
                .order_by(table.c.job_id, number)
                .limit(JOB_PAGE)
            )
            after, page_size = ("", -1), JOB_PAGE
            while page_size == JOB_PAGE:
                rows = (await self._connection.execute(mine.where(key > after))).all()
                for _, _, held, created_at in rows:
                    for student_id in names_in(held):
                        found[student_id] = max(created_at, found.get(student_id, created_at))
                page_size = len(rows)
                after = (rows[-1][0], rows[-1][1]) if rows else after
        return found
