"""Messages to other systems: written in the transaction of what they tell of, delivered afterwards.

A lane holds the messages of one student to one destination, in the order of their commits. Who delivers holds the lane;
when it is given back or its lease has ended, another may.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.dialect import insert_missing
from knowtrace.store.integration_tables import delivery_lanes, outbox, subscriptions, webhooks

C, L, W = outbox.c, delivery_lanes.c, webhooks.c
LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message about one student, or about nobody: then `student_id` is empty."""

    message_id: str
    kind: str
    student_id: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """A message on its way to one destination."""

    sequence: int
    message_id: str
    kind: str
    student_id: str
    body: dict[str, Any]
    created_at: datetime
    attempts: int
    dead_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """Where messages wait, and the destination they wait for."""

    lane: str
    tenant_id: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWebhook:
    """Where a tenant's messages of some kinds go; `secret` is sealed."""

    webhook_id: str
    url: str
    secret: bytes
    kinds: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None = None


def lane_of(tenant_id: str, destination: str, student_id: str) -> str:
    """Return the lane's name, which tells nothing of the student."""
    text = f"{tenant_id}\0{destination}\0{student_id}".encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


class Outbox:
    """One tenant's messages and webhooks on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def append(self, messages: Sequence[tuple[Message, Collection[str]]], *, at: datetime) -> None:
        """Queue messages, each for its destinations."""
        rows = [
            {
                "tenant_id": self._tenant_id,
                "message_id": message.message_id,
                "destination": destination,
                "lane": lane_of(self._tenant_id, destination, message.student_id),
                "student_id": message.student_id,
                "kind": message.kind,
                "body": message.body,
                "created_at": at,
                "available_at": at,
            }
            for message, destinations in messages
            for destination in destinations
        ]
        if rows:
            await self._connection.execute(sa.insert(outbox), rows)
            lanes = [
                (lane_of(self._tenant_id, destination, message.student_id), destination)
                for message, destinations in messages
                for destination in destinations
            ]
            await self._open_lanes(lanes, at)

    async def waiting(self, lane: Lane, *, limit: int) -> list[QueuedMessage]:
        """Return the messages of a lane that are neither delivered nor dead, the oldest first."""
        waiting = self._of(C.lane == lane.lane, C.delivered_at.is_(None), C.dead_at.is_(None))
        return await self._read(waiting.order_by(C.sequence).limit(limit))

    async def settle(
        self,
        lane: Lane,
        *,
        delivered: Sequence[int],
        failed: QueuedMessage | None,
        error: str,
        again_at: datetime | None,
        now: datetime,
    ) -> None:
        """Write down what became of a lane's messages and give the lane back.

        The failed one is tried again at `again_at`, or is dead where there is none.
        """
        mine = C.tenant_id == self._tenant_id
        if delivered:
            done = sa.update(outbox).where(mine, C.sequence.in_(delivered)).values(delivered_at=now)
            await self._connection.execute(done)
        if failed is not None:
            what = {
                "attempts": failed.attempts + 1,
                "last_error": error[:LONGEST_ERROR],
                "available_at": again_at or now,
                "dead_at": now if again_at is None else None,
            }
            await self._connection.execute(
                sa.update(outbox).where(mine, C.sequence == failed.sequence).values(what)
            )
        of_lane = sa.and_(L.lane == lane.lane, L.tenant_id == self._tenant_id)
        if await self.waiting(lane, limit=1):
            freed = {"lease_until": None, "available_at": again_at or now}
            await self._connection.execute(sa.update(delivery_lanes).where(of_lane).values(freed))
        else:
            await self._connection.execute(sa.delete(delivery_lanes).where(of_lane))

    async def dead(self, destination: str, *, limit: int) -> list[QueuedMessage]:
        """Return the messages that were given up, the oldest first."""
        dead = self._of(C.destination == destination, C.dead_at.is_not(None))
        return await self._read(dead.order_by(C.sequence).limit(limit))

    async def revive(self, destination: str, *, at: datetime) -> int:
        """Let the dead messages of a destination be tried again from the beginning; returns how many."""
        mine = (C.tenant_id == self._tenant_id, C.destination == destination, C.dead_at.is_not(None))
        lanes = [row.lane for row in await self._connection.execute(sa.select(C.lane).where(*mine))]
        again = {"dead_at": None, "attempts": 0, "available_at": at}
        await self._connection.execute(sa.update(outbox).where(*mine).values(again))
        await self._open_lanes([(lane, destination) for lane in lanes], at)
        return len(lanes)

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Delete messages that were delivered or given up before a time, the oldest ones first; return how many."""
        is_settled = sa.or_(C.delivered_at < before, C.dead_at < before)
        old = sa.select(C.sequence).where(C.tenant_id == self._tenant_id, is_settled)
        some = sa.delete(outbox).where(C.sequence.in_(old.order_by(C.sequence).limit(limit)))
        return (await self._connection.execute(some)).rowcount

    async def add_webhook(self, webhook: StoredWebhook) -> None:
        row = {column.name: getattr(webhook, column.name, self._tenant_id) for column in webhooks.columns}
        await self._connection.execute(sa.insert(webhooks), row)
        await self._connection.execute(
            sa.insert(subscriptions),
            {"tenant_id": self._tenant_id, "webhook_id": webhook.webhook_id, "kinds": webhook.kinds},
        )

    async def webhook(self, webhook_id: str) -> StoredWebhook | None:
        found = [hook for hook in await self.webhooks() if hook.webhook_id == webhook_id]
        return found[0] if found else None

    async def webhooks(self) -> list[StoredWebhook]:
        """Return the tenant's webhooks, the oldest first."""
        columns = (column for column in W if column is not W.tenant_id)
        found = await self._connection.execute(
            sa.select(*columns).where(W.tenant_id == self._tenant_id).order_by(W.created_at, W.webhook_id)
        )
        return [replace(StoredWebhook(**row), kinds=tuple(row["kinds"])) for row in found.mappings()]

    async def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook and everything that waits for it."""
        s = subscriptions.c
        for table, condition in (
            (webhooks, sa.and_(W.tenant_id == self._tenant_id, W.webhook_id == webhook_id)),
            (subscriptions, sa.and_(s.tenant_id == self._tenant_id, s.webhook_id == webhook_id)),
            (outbox, sa.and_(C.tenant_id == self._tenant_id, C.destination == webhook_id)),
            (delivery_lanes, sa.and_(L.tenant_id == self._tenant_id, L.destination == webhook_id)),
        ):
            await self._connection.execute(sa.delete(table).where(condition))

    async def _open_lanes(self, lanes: Sequence[tuple[str, str]], at: datetime) -> None:
        rows = [
            {"lane": lane, "tenant_id": self._tenant_id, "destination": destination, "available_at": at}
            for lane, destination in dict.fromkeys(lanes)
        ]
        await insert_missing(self._connection, delivery_lanes, rows)

    def _of(self, *conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
        names = (field.name for field in fields(QueuedMessage))
        return sa.select(*(C[name] for name in names)).where(C.tenant_id == self._tenant_id, *conditions)

    async def _read(self, statement: sa.Select[tuple[object, ...]]) -> list[QueuedMessage]:
        return [QueuedMessage(**row) for row in (await self._connection.execute(statement)).mappings()]


async def lease_lanes(
    connection: AsyncConnection,
    *,
    now: datetime,
    until: datetime,
    limit: int,
    most_of_one: int,
    held: Mapping[str, int],
) -> list[Lane]:
    """Take the lanes that have waited longest, of whatever tenant, and that nobody holds.

    `held` counts by destination the lanes that the caller holds already: with the new ones no more than `most_of_one`
    become of any.
    """
    is_free = sa.or_(L.lease_until.is_(None), L.lease_until < now)
    full = [destination for destination, count in held.items() if count >= most_of_one]
    found = await connection.execute(
        sa.select(L.lane, L.tenant_id, L.destination)
        .where(L.available_at <= now, is_free, L.destination.not_in(full))
        .order_by(L.available_at)
        .limit(limit)
    )
    lanes: list[Lane] = []
    counts = Counter(held)
    for lane in (Lane(*row) for row in found):
        if counts[lane.destination] < most_of_one:
            counts[lane.destination] += 1
            lanes.append(lane)
    if lanes:
        taken = sa.update(delivery_lanes).where(L.lane.in_([lane.lane for lane in lanes]))
        await connection.execute(taken.values(lease_until=until))
    return lanes


async def lanes_waiting(connection: AsyncConnection) -> int:
    """Return how many lanes hold messages that have neither arrived nor been given up, of all tenants."""
    return await connection.scalar(sa.select(sa.func.count()).select_from(delivery_lanes)) or 0


async def read_subscriptions(connection: AsyncConnection) -> dict[str, dict[str, frozenset[str]]]:
    """Return the kinds of messages that each webhook of each tenant wants: {tenant: {webhook: kinds}}."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for row in await connection.execute(sa.select(subscriptions)):
        found.setdefault(row.tenant_id, {})[row.webhook_id] = frozenset(row.kinds)
    return found
