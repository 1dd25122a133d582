"""The log of answers: append-only, and the truth from which every state can be rebuilt."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.domain import Interaction
from knowtrace.store.tables import Row, events

HISTORY_PAGE = 2_000

# Built once: building a statement costs more than running it.
HEAD = sa.select(sa.func.coalesce(sa.func.max(events.c.position), 0))
FINGERPRINTS = sa.select(events.c.event_id, events.c.fingerprint).where(
    events.c.event_id.in_(sa.bindparam("event_ids", expanding=True))
)
APPEND = sa.insert(events)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One line of the log. `fingerprint` tells a repeated sending from another answer under the same id."""

    position: int
    event_id: str
    interaction: Interaction
    received_at: datetime
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSeen:
    """When a student last answered an item, and the best response since the time that was asked about."""

    last_answered_at: datetime
    best_response: int


class EventLog:
    """Reads and appends the log on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def head(self) -> int:
        """Return the position of the last event, 0 for an empty log."""
        return await self._connection.scalar(HEAD) or 0

    async def fingerprints(self, event_ids: Collection[str]) -> dict[str, str]:
        """Return the fingerprints of those events that are in the log, by event id."""
        found = await self._connection.execute(FINGERPRINTS, {"event_ids": list(event_ids)})
        return {row.event_id: row.fingerprint for row in found}

    async def append(self, stored: Sequence[StoredEvent]) -> None:
        if stored:
            await self._connection.execute(APPEND, [_row(event) for event in stored])

    async def history(
        self, student_id: str, *, start: datetime | None = None, end: datetime | None = None
    ) -> AsyncIterator[list[StoredEvent]]:
        """Yield a student's events in order of (answered_at, position), by pages of HISTORY_PAGE.

        `start` is included, `end` is not.
        """
        mine = sa.select(events).where(events.c.student_id == student_id)
        if start is not None:
            mine = mine.where(events.c.answered_at >= start)
        if end is not None:
            mine = mine.where(events.c.answered_at < end)
        mine = mine.order_by(events.c.answered_at, events.c.position).limit(HISTORY_PAGE)
        after: StoredEvent | None = None
        while True:
            page = await self._read(
                mine if after is None else mine.where(_time_and_position() > _place_of(after))
            )
            if page:
                yield page
            if len(page) < HISTORY_PAGE:
                return
            after = page[-1]

    async def newest(
        self, student_id: str, *, limit: int, before: tuple[datetime, int] | None = None
    ) -> list[StoredEvent]:
        """Return a student's events from the newest back; `before` is the (answered_at, position) of the
        last one seen.
        """
        mine = sa.select(events).where(events.c.student_id == student_id)
        if before is not None:
            mine = mine.where(_time_and_position() < _place(*before))
        return await self._read(
            mine.order_by(events.c.answered_at.desc(), events.c.position.desc()).limit(limit)
        )

    async def items_seen(self, student_id: str, *, since: datetime, limit: int) -> dict[str, ItemSeen]:
        """Return the items a student answered since a time, the most recently seen first."""
        last = sa.func.max(events.c.answered_at, type_=events.c.answered_at.type)
        found = await self._connection.execute(
            sa.select(events.c.item_id, last, sa.func.max(events.c.response))
            .where(events.c.student_id == student_id, events.c.answered_at >= since)
            .group_by(events.c.item_id)
            .order_by(last.desc())
            .limit(limit)
        )
        return {item_id: ItemSeen(last_answered_at=at, best_response=best) for item_id, at, best in found}

    async def _read(self, statement: sa.Select[tuple[object, ...]]) -> list[StoredEvent]:
        return [_event(row) for row in await self._connection.execute(statement)]


def _time_and_position() -> sa.Tuple:
    return sa.tuple_(events.c.answered_at, events.c.position)


def _place_of(event: StoredEvent) -> sa.Tuple:
    assert event.interaction.answered_at is not None
    return _place(event.interaction.answered_at, event.position)


def _place(answered_at: datetime, position: int) -> sa.Tuple:
    return sa.tuple_(sa.literal(answered_at, events.c.answered_at.type), sa.literal(position, sa.BigInteger))


def _row(event: StoredEvent) -> Row:
    answer = event.interaction
    return {
        "position": event.position,
        "event_id": event.event_id,
        "student_id": answer.student_id,
        "item_id": answer.item_id,
        "skill_ids": answer.skill_ids,
        "response": answer.response,
        "answered_at": answer.answered_at,
        "received_at": event.received_at,
        "elapsed_seconds": answer.elapsed_seconds,
        "hints_used": answer.hints_used,
        "attempt": answer.attempt,
        "session_id": answer.session_id,
        "fingerprint": event.fingerprint,
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
    )
