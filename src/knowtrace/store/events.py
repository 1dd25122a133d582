"""The log of answers: the truth from which every state can be rebuilt.

Nothing is ever lost from it: a corrected answer leaves its older body behind, a withdrawn one its whole line.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.domain import Interaction
from knowtrace.store.dialect import one_or_many
from knowtrace.store.tables import Row, event_revisions, events

HISTORY_PAGE = 2_000

# Built once: building a statement costs more than running it.
OF_TENANT = events.c.tenant_id == sa.bindparam("tenant")
KNOWN = sa.select(events.c.event_id, events.c.fingerprint, events.c.withdrawn_at).where(
    OF_TENANT, events.c.event_id.in_(sa.bindparam("event_ids", expanding=True))
)
ONE = sa.select(events).where(OF_TENANT, events.c.event_id == sa.bindparam("id"))
LAST_ANSWERED = sa.func.max(events.c.answered_at, type_=events.c.answered_at.type)
ITEMS_SEEN = (
    sa.select(events.c.item_id, LAST_ANSWERED, sa.func.max(events.c.response))
    .where(
        OF_TENANT,
        events.c.student_id == sa.bindparam("student"),
        events.c.withdrawn_at.is_(None),
        events.c.answered_at >= sa.bindparam("since"),
    )
    .group_by(events.c.item_id)
    .order_by(LAST_ANSWERED.desc())
    .limit(sa.bindparam("most"))
)
APPEND = sa.insert(events).inline()
REPLACE = sa.update(events).where(OF_TENANT, events.c.event_id == sa.bindparam("id"))
KEEP_OLDER = sa.insert(event_revisions)

Place = tuple[datetime, int]
"""Where an answer stands in its student's history: (answered_at, position)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One line of the log. `fingerprint` tells a repeated sending from another answer under the same id.

    `revision` counts its corrections; a withdrawn answer is no part of its student's history any more.
    """

    position: int
    event_id: str
    interaction: Interaction
    received_at: datetime
    fingerprint: str
    revision: int = 0
    withdrawn_at: datetime | None = None

    @property
    def place(self) -> Place:
        assert self.interaction.answered_at is not None, "every event of the log has a time"
        return self.interaction.answered_at, self.position


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """What a repeated sending is told by."""

    fingerprint: str
    is_withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSeen:
    """When a student last answered an item, and the best response since the time that was asked about."""

    last_answered_at: datetime
    best_response: int


class EventLog:
    """Reads and writes one tenant's log on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def known(self, event_ids: Collection[str]) -> dict[str, KnownEvent]:
        """Return those events that are in the log, by event id."""
        found = await self._connection.execute(
            KNOWN, {"tenant": self._tenant_id, "event_ids": list(event_ids)}
        )
        return {row.event_id: KnownEvent(row.fingerprint, row.withdrawn_at is not None) for row in found}

    async def find(self, event_id: str) -> StoredEvent | None:
        found = await self._read(ONE, {"tenant": self._tenant_id, "id": event_id})
        return found[0] if found else None

    async def append(self, stored: Sequence[StoredEvent]) -> None:
        if stored:
            rows = [_row(self._tenant_id, event) for event in stored]
            await self._connection.execute(APPEND, one_or_many(rows))

    async def replace(self, older: StoredEvent, newer: StoredEvent, *, at: datetime) -> None:
        """Put the next revision of an event in its place, and keep the body it had."""
        body = {**_body(older.interaction), "withdrawn": older.withdrawn_at is not None}
        body["answered_at"] = older.place[0].isoformat()
        revision = {"event_id": older.event_id, "revision": older.revision, "body": body, "replaced_at": at}
        await self._connection.execute(KEEP_OLDER, {"tenant_id": self._tenant_id, **revision})
        changed = {
            **_body(newer.interaction),
            "revision": newer.revision,
            "withdrawn_at": newer.withdrawn_at,
        }
        where = {"tenant": self._tenant_id, "id": older.event_id}
        await self._connection.execute(REPLACE.values(changed), where)

    async def history(
        self,
        student_id: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        after: Place | None = None,
    ) -> AsyncIterator[list[StoredEvent]]:
        """Yield a student's events in order of (answered_at, position), by pages of HISTORY_PAGE.

        `start` is included, `end` and what stands at `after` or before it are not.
        """
        mine = self._of(student_id)
        if start is not None:
            mine = mine.where(events.c.answered_at >= start)
        if end is not None:
            mine = mine.where(events.c.answered_at < end)
        mine = mine.order_by(events.c.answered_at, events.c.position).limit(HISTORY_PAGE)
        while True:
            page = await self._read(
                mine if after is None else mine.where(_time_and_position() > _place(*after))
            )
            if page:
                yield page
            if len(page) < HISTORY_PAGE:
                return
            after = page[-1].place

    async def newest(self, student_id: str, *, limit: int, before: Place | None = None) -> list[StoredEvent]:
        """Return a student's events from the newest back; `before` is the place of the last one seen."""
        mine = self._of(student_id)
        if before is not None:
            mine = mine.where(_time_and_position() < _place(*before))
        return await self._read(
            mine.order_by(events.c.answered_at.desc(), events.c.position.desc()).limit(limit)
        )

    async def extent(self, student_id: str) -> tuple[int, datetime | None, int]:
        """Return how many answers a student has, when the last was given, and the position of the last to arrive."""
        mine = self._of(student_id).with_only_columns(
            sa.func.count(), LAST_ANSWERED, sa.func.coalesce(sa.func.max(events.c.position), 0)
        )
        found = await self._connection.execute(mine)
        count, at, position = found.one()
        return count, at, position

    async def items_seen(self, student_id: str, *, since: datetime, limit: int) -> dict[str, ItemSeen]:
        """Return the items a student answered since a time, the most recently seen first."""
        found = await self._connection.execute(
            ITEMS_SEEN, {"tenant": self._tenant_id, "student": student_id, "since": since, "most": limit}
        )
        return {item_id: ItemSeen(last_answered_at=at, best_response=best) for item_id, at, best in found}

    def _of(self, student_id: str) -> sa.Select[tuple[object, ...]]:
        return sa.select(events).where(
            events.c.tenant_id == self._tenant_id,
            events.c.student_id == student_id,
            events.c.withdrawn_at.is_(None),
        )

    async def _read(
        self, statement: sa.Select[tuple[object, ...]], parameters: Row | None = None
    ) -> list[StoredEvent]:
        return [_event(row) for row in await self._connection.execute(statement, parameters)]


def _time_and_position() -> sa.Tuple:
    return sa.tuple_(events.c.answered_at, events.c.position)


def _place(answered_at: datetime, position: int) -> sa.Tuple:
    return sa.tuple_(sa.literal(answered_at, events.c.answered_at.type), sa.literal(position, sa.BigInteger))


def _row(tenant_id: str, event: StoredEvent) -> Row:
    return {
        "tenant_id": tenant_id,
        "position": event.position,
        "event_id": event.event_id,
        "received_at": event.received_at,
        "fingerprint": event.fingerprint,
        **_body(event.interaction),
    }


def _body(answer: Interaction) -> Row:
    """Return what the sender said of an answer, by column."""
    return {
        "student_id": answer.student_id,
        "item_id": answer.item_id,
        "skill_ids": answer.skill_ids,
        "response": answer.response,
        "answered_at": answer.answered_at,
        "elapsed_seconds": answer.elapsed_seconds,
        "hints_used": answer.hints_used,
        "attempt": answer.attempt,
        "session_id": answer.session_id,
    }


def _event(row: sa.Row[tuple[object, ...]]) -> StoredEvent:
    return StoredEvent(
        position=row.position,
        event_id=row.event_id,
        interaction=Interaction(
            student_id=row.student_id,
            item_id=row.item_id,
            skill_ids=tuple(row.skill_ids),
            response=row.response,
            answered_at=row.answered_at,
            elapsed_seconds=row.elapsed_seconds,
            hints_used=row.hints_used,
            attempt=row.attempt,
            session_id=row.session_id,
        ),
        received_at=row.received_at,
        fingerprint=row.fingerprint,
        revision=row.revision,
        withdrawn_at=row.withdrawn_at,
    )
