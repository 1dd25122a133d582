"""API keys as they are kept: hashes of their secrets, and when each may be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.access_tables import api_keys
from knowtrace.store.tables import Row

BY_ID = sa.select(api_keys).where(api_keys.c.key_id == sa.bindparam("key_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One key. An empty `scopes` leaves its role whole; `last_used_at` is known to the hour."""

    key_id: str
    tenant_id: str
    role: str
    student_id: str | None
    name: str
    scopes: tuple[str, ...]
    hash: str
    previous_hash: str | None = None
    previous_expires_at: datetime | None = None
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def hashes(self, now: datetime) -> Sequence[str]:
        """Return the hashes of the secrets that are accepted at this moment, the newest first."""
        if self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now):
            return ()
        if self.previous_hash and self.previous_expires_at and now < self.previous_expires_at:
            return (self.hash, self.previous_hash)
        return (self.hash,)


class ApiKeys:
    """Reads and changes one tenant's keys on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def add(self, key: StoredKey) -> None:
        assert key.tenant_id == self._tenant_id
        row: Row = {column.name: getattr(key, column.name) for column in api_keys.columns}
        await self._connection.execute(sa.insert(api_keys), row)

    async def get(self, key_id: str) -> StoredKey | None:
        found = await self._connection.execute(BY_ID.where(self._is_mine()), {"key_id": key_id})
        row = found.mappings().first()
        return _key(row) if row else None

    async def all(self) -> list[StoredKey]:
        """Return every key of the tenant, revoked ones too, the oldest first."""
        found = await self._connection.execute(
            sa.select(api_keys).where(self._is_mine()).order_by(api_keys.c.created_at, api_keys.c.key_id)
        )
        return [_key(row) for row in found.mappings()]

    async def rotate(
        self, key_id: str, new_hash: str, *, previous_hash: str | None, previous_expires_at: datetime
    ) -> None:
        await self._change(
            key_id, hash=new_hash, previous_hash=previous_hash, previous_expires_at=previous_expires_at
        )

    async def revoke(self, key_id: str, at: datetime) -> None:
        await self._change(key_id, revoked_at=at)

    async def mark_used(self, key_id: str, hour: datetime) -> None:
        """Note that a key was used in an hour, unless a later one is noted."""
        last = api_keys.c.last_used_at
        await self._connection.execute(
            sa.update(api_keys)
            .where(api_keys.c.key_id == key_id, self._is_mine(), sa.or_(last.is_(None), last < hour))
            .values(last_used_at=hour)
        )

    async def _change(self, key_id: str, **values: str | datetime | None) -> None:
        await self._connection.execute(
            sa.update(api_keys).where(api_keys.c.key_id == key_id, self._is_mine()).values(**values)
        )

    def _is_mine(self) -> sa.ColumnElement[bool]:
        return api_keys.c.tenant_id == self._tenant_id


async def find_key(connection: AsyncConnection, key_id: str) -> StoredKey | None:
    """Return a key by its id alone: who asks is known only after this, and so is the tenant."""
    row = (await connection.execute(BY_ID, {"key_id": key_id})).mappings().first()
    return _key(row) if row else None


def _key(row: sa.RowMapping) -> StoredKey:
    values: Row = {**row, "scopes": tuple(row["scopes"])}
    return StoredKey(**values)
