"""The database: snapshots to read from, one transaction at a time to write in, migrations at start."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from knowtrace.errors import UnavailableError
from knowtrace.spans import aside
from knowtrace.store import migrating
from knowtrace.store.audit import AuditLog
from knowtrace.store.decisions import Decisions
from knowtrace.store.dialect import WRITES, empty_write_ahead_log, for_reading, make_engine
from knowtrace.store.erasure import Erasures
from knowtrace.store.events import EventLog
from knowtrace.store.failures import unavailable, uncertain_commit
from knowtrace.store.glances import Glances, is_stale
from knowtrace.store.item_parameters import ItemParameters
from knowtrace.store.job_queue import JobQueue, Waiting, waiting
from knowtrace.store.jobs import Jobs
from knowtrace.store.keys import ApiKeys, StoredKey, find_key
from knowtrace.store.learning_records import LearningRecords
from knowtrace.store.model_roles import Casting, ModelRole, read_roles, write_roles
from knowtrace.store.outbox import Lane, Outbox, lanes_waiting, lease_lanes, read_subscriptions
from knowtrace.store.portability import Belongings, Consents
from knowtrace.store.row_security import keeps_tenants_apart, name_key, name_tenant
from knowtrace.store.schedule_runs import ScheduleRun, ScheduleRuns
from knowtrace.store.silence import Silence
from knowtrace.store.snapshots import Snapshots
from knowtrace.store.standing_alerts import StandingAlerts, any_quiet
from knowtrace.store.students import Students
from knowtrace.store.tables import log_head
from knowtrace.store.tenants import all_tenants, name_tenants
from knowtrace.store.turns import Standing, lock_for_writing, take_turn

Found = TypeVar("Found")

ERASED_AT = sa.select(log_head.c.erased_at)
NOTE_ERASURE = sa.update(log_head).values(position=sa.bindparam("head"), erased_at=sa.bindparam("head"))
MOVE_HEAD = sa.update(log_head).values(position=sa.bindparam("head"))


class Session:
    """One tenant's repositories over one connection: one snapshot when reading, one transaction when writing."""

    def __init__(self, connection: AsyncConnection, tenant_id: str, audit_key: bytes) -> None:
        self.tenant_id = tenant_id
        self._connection = connection
        self.keys = ApiKeys(connection, tenant_id)
        self.audit = AuditLog(connection, tenant_id, audit_key)
        self.events = EventLog(connection, tenant_id)
        self.students = Students(connection, tenant_id)
        self.snapshots = Snapshots(connection, tenant_id)
        self.decisions = Decisions(connection, tenant_id)
        self.jobs = Jobs(connection, tenant_id)
        self.records = LearningRecords(connection, tenant_id)
        self.outbox = Outbox(connection, tenant_id)
        self.erasures = Erasures(connection, tenant_id)
        self.silence = Silence(connection, tenant_id)
        self.consents = Consents(connection, tenant_id)
        self.belongings = Belongings(connection, tenant_id)

    async def erased_at(self) -> int:
        """Return where the log stood when a student of any tenant was last erased.

        What was read while it had another value may be of somebody who is not to be remembered.
        """
        return await self._connection.scalar(ERASED_AT) or 0


class Transaction:
    """One transaction that writes for several tenants, one after the other.

    `standing` is where it found the log, `named` the tenant whose rows it has been let see.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        audit_key: bytes,
        known_tenants: frozenset[str],
        *,
        standing: Standing,
        named: str,
    ) -> None:
        self._connection = connection
        self._audit_key = audit_key
        self._known_tenants = known_tenants
        self._standing = standing
        self._named = named
        self.queue = JobQueue(connection)
        self.schedules = ScheduleRuns(connection)
        self.alerts = StandingAlerts(connection)
        self.items = ItemParameters(connection)
        self.new_tenants: set[str] = set()
        """Those that nothing was stored for before."""

    async def of(self, tenant_id: str) -> Session:
        """Turn to a tenant; what was opened for the one before must not be used any more."""
        if tenant_id != self._named:
            await name_tenant(self._connection, tenant_id)
            self._named = tenant_id
        if tenant_id not in self._known_tenants and tenant_id not in self.new_tenants:
            await name_tenants(self._connection, [tenant_id])
            self.new_tenants.add(tenant_id)
        return Session(self._connection, tenant_id, self._audit_key)

    async def roles(self) -> dict[ModelRole, Casting]:
        """Return which model plays which part."""
        return await read_roles(self._connection)

    async def cast(self, roles: Mapping[ModelRole, Casting]) -> None:
        """Let models play these parts and no others."""
        await write_roles(self._connection, roles)

    @property
    def head(self) -> int:
        """Where the log stands: the position of its last change, 0 for an empty log."""
        return self._standing.position

    @property
    def erased_at(self) -> int:
        """Where the log stood when a student of any tenant was last erased, 0 if none ever was."""
        return self._standing.erased_at

    async def move_head(self, position: int) -> None:
        """Say that the log has changed, for every process that remembers something of it."""
        await self._connection.execute(MOVE_HEAD, {"head": position})
        self._standing = self._standing._replace(position=position)

    async def note_erasure(self, position: int) -> None:
        """Move the log's head, and say that a student was erased."""
        await self._connection.execute(NOTE_ERASURE, {"head": position})
        self._standing = Standing(position, position)


class Store:
    """One database. Writers of this process take turns; those of others are waited for
    `lock_wait_seconds`.
    """

    def __init__(self, url: str, *, lock_wait_seconds: float = 5.0, audit_key: bytes = b"") -> None:
        self._audit_key = audit_key
        self._engine = make_engine(url, lock_wait_seconds=lock_wait_seconds)
        # Readers may take every connection of theirs, and the writer must not wait for one of them.
        self._writer = make_engine(url, lock_wait_seconds=lock_wait_seconds, for_writing=True)
        self._glances = Glances(make_engine(url, lock_wait_seconds=lock_wait_seconds, for_glances=True))
        # SQLite's own waiting polls with growing pauses; taking turns here wakes the next writer at once.
        self._turn = asyncio.Lock()
        self._known_tenants: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def reading(self, tenant_id: str) -> AsyncGenerator[Session]:
        """Open one snapshot of a tenant's rows: everything read in it is as of one moment.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            reader = await for_reading(connection)
            await name_tenant(reader, tenant_id)
            yield Session(reader, tenant_id, self._audit_key)

    async def glance(self, tenant_id: str, look: Callable[[Session], Awaitable[Found]]) -> Found:
        """Return what `look` finds with one statement, which must not write.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        try:
            return await self._glance(tenant_id, look)
        except UnavailableError as error:
            if not is_stale(error.__cause__):
                raise
            await self._glances.forget()
            return await self._glance(tenant_id, look)

    async def _glance(self, tenant_id: str, look: Callable[[Session], Awaitable[Found]]) -> Found:
        with unavailable(), aside("store.glance"):
            async with self._glances.over(tenant_id) as connection:
                return await look(Session(connection, tenant_id, self._audit_key))

    @asynccontextmanager
    async def writing(self, tenant_id: str) -> AsyncGenerator[Session]:
        """Open one transaction of a tenant: committed, durably, when the block ends; undone when it raises.

        Raises:
            UnavailableError: the database cannot be reached, is locked, or has no room.
        """
        async with self.transaction(tenant_id) as transaction:
            yield await transaction.of(tenant_id)

    @asynccontextmanager
    async def transaction(self, first: str = "") -> AsyncGenerator[Transaction]:
        """Open one transaction for any number of tenants: all of it is committed, or none.

        To name the `first` of them, where it is known, saves a trip to the database.

        Raises:
            UnavailableError: the database cannot be reached, is locked, or has no room.
        """
        async with self._transaction(lambda connection: take_turn(connection, first)) as (
            connection,
            standing,
        ):
            transaction = Transaction(
                connection, self._audit_key, self._known_tenants, standing=standing, named=first
            )
            yield transaction
        self._known_tenants |= transaction.new_tenants

    async def find_key(self, key_id: str) -> StoredKey | None:
        """Return an API key of whatever tenant: who asks, and so for whom, is known only after this.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            await name_key(connection, key_id)
            return await find_key(connection, key_id)

    async def keeps_tenants_apart(self) -> bool | None:
        """Return whether the database itself would refuse one tenant another one's rows; None where it cannot, SQLite.

        PostgreSQL does, unless we are connected as a superuser or with BYPASSRLS.
        """
        async with self._connection() as connection:
            return await keeps_tenants_apart(connection)

    async def roles(self) -> dict[ModelRole, Casting]:
        """Return which model plays which part.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await read_roles(connection)

    async def erased_at(self) -> int:
        """Return where the log stood when a student was last erased, 0 if none ever was.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await connection.scalar(ERASED_AT) or 0

    async def empty_write_ahead_log(self) -> bool | None:
        """Take what was deleted out of SQLite's write-ahead log too; whoever reads is waited for.

        Returns whether it is empty: False when a reader held it for `lock_wait_seconds`, None on PostgreSQL, whose
        own log and dead rows are its operator's.
        """
        async with self._turn, self._connection() as connection:
            return await empty_write_ahead_log(connection)

    async def tenants(self) -> list[str]:
        """Return everybody who has ever stored anything, in order.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await all_tenants(connection)

    async def lanes_waiting(self) -> int:
        """Return how many students' messages wait for a destination, of all tenants.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await lanes_waiting(connection)

    async def waiting(self, now: datetime) -> list[Waiting]:
        """Return how much work of all tenants waits.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await waiting(connection, now)

    async def schedule_runs(self, schedule: str, *, limit: int) -> list[ScheduleRun]:
        """Return the last runs of a schedule, the newest first.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await ScheduleRuns(connection).newest(schedule, limit=limit)

    async def has_quiet_alerts(self, before: datetime) -> bool:
        """Return whether something that was wrong was last seen before a moment.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await any_quiet(connection, before)

    async def subscriptions(self) -> dict[str, dict[str, frozenset[str]]]:
        """Return the kinds of messages that each webhook of each tenant wants.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            return await read_subscriptions(connection)

    async def lease_lanes(
        self, *, now: datetime, until: datetime, limit: int, most_of_one: int, held: Mapping[str, int]
    ) -> list[Lane]:
        """Take lanes of messages, of whatever tenant, that nobody else may deliver from until then.

        `held` counts by destination those that the caller has: with the new ones at most `most_of_one` become of any.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._transaction(lock_for_writing) as (connection, _):
            return await lease_lanes(
                connection, now=now, until=until, limit=limit, most_of_one=most_of_one, held=held
            )

    async def ping(self) -> None:
        """Ask the database anything.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        async with self._connection() as connection:
            await connection.execute(sa.select(1))

    async def migrate(self, revision: str = "head") -> None:
        """Bring the tables to a revision, forward or back ("base" removes them all)."""
        async with self._transaction(lock_for_writing) as (connection, _):
            await connection.run_sync(migrating.migrate, revision)

    @asynccontextmanager
    async def _transaction(
        self, wait_for_turn: Callable[[AsyncConnection], Awaitable[Found]]
    ) -> AsyncGenerator[tuple[AsyncConnection, Found]]:
        async with self._turn, self._connection("store.transaction", self._writer) as connection:
            await connection.execution_options(**{WRITES: True})
            async with connection.begin() as transaction:
                yield connection, await wait_for_turn(connection)
                with uncertain_commit():
                    await transaction.commit()

    @asynccontextmanager
    async def _connection(
        self, what: str = "store.read", engine: AsyncEngine | None = None
    ) -> AsyncGenerator[AsyncConnection]:
        with unavailable(), aside(what):
            async with (engine or self._engine).connect() as connection:
                yield connection

    async def close(self) -> None:
        await self._glances.close()
        await self._engine.dispose()
        await self._writer.dispose()
