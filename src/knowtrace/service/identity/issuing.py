"""Give out API keys, replace their secrets, and take them back; each is in the audit log with its deed."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from knowtrace.errors import ConflictError, DataError, NotFoundError
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.credentials import ApiKey, new_api_key
from knowtrace.service.identity.hashing import hash_secret
from knowtrace.service.identity.permissions import scopes_beyond
from knowtrace.store import Deed, Session, Store, StoredKey

LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class KeyRequest:
    """What a new key should be. `scopes` empty leaves its role whole; `expires_in` None keeps it until revoked."""

    tenant_id: str
    role: Role
    name: str
    student_id: str | None = None
    scopes: frozenset[str] = frozenset()
    expires_in: timedelta | None = None

    def problems(self) -> list[str]:
        found: list[str] = []
        texts = {"tenant": (self.tenant_id, 100), "name": (self.name, LONGEST_NAME)}
        if self.student_id is not None:
            texts["student"] = (self.student_id, 200)
        for what, (text, longest) in texts.items():
            if not text or len(text) > longest or not text.isprintable():
                found.append(f"{what} {text!r} must be 1 to {longest} printable characters")
        if (self.role is Role.STUDENT) != (self.student_id is not None):
            found.append("a key of role student names its student, and no other key does")
        if beyond := scopes_beyond(self.role, self.scopes):
            found.append(f"scopes {', '.join(beyond)} are not among what role {self.role.value} may do")
        if self.expires_in is not None and self.expires_in <= timedelta(0):
            found.append("it would expire before it begins")
        return found


@dataclass(frozen=True, kw_only=True)
class IssuedKey:
    """A key as it is shown, this once: only its hash is kept."""

    key: ApiKey
    stored: StoredKey


class KeyDesk:
    """Issues keys on behalf of somebody.

    With `has_operators` false, keys of operators are not there: a tenant's admin who could give one of them a new
    secret would be an operator.
    """

    def __init__(
        self, store: Store, on_behalf_of: Caller, *, request_id: str = "", has_operators: bool = False
    ) -> None:
        self._store = store
        self._caller = on_behalf_of
        self._request_id = request_id
        self._has_operators = has_operators

    async def create(self, asked: KeyRequest) -> IssuedKey:
        """Make a key.

        Raises:
            DataError: what is asked for breaks rules; all of them are named.
        """
        if problems := asked.problems():
            raise DataError(f"No key is made: {'; '.join(problems)}.")
        key = new_api_key()
        now = datetime.now(UTC)
        stored = StoredKey(
            key_id=key.key_id,
            tenant_id=asked.tenant_id,
            role=asked.role.value,
            student_id=asked.student_id,
            name=asked.name,
            scopes=tuple(sorted(asked.scopes)),
            hash=await asyncio.to_thread(hash_secret, key.secret),
            created_at=now,
            expires_at=now + asked.expires_in if asked.expires_in else None,
        )
        async with self._store.writing(asked.tenant_id) as session:
            await session.keys.add(stored)
            await session.audit.append(self._deed("keys.create", key.key_id))
        return IssuedKey(key=key, stored=stored)

    async def all(self, tenant_id: str) -> list[StoredKey]:
        async with self._store.reading(tenant_id) as session:
            return [key for key in await session.keys.all() if self._is_here(key)]

    async def rotate(self, tenant_id: str, key_id: str, *, overlap: timedelta) -> IssuedKey:
        """Give a key a new secret; the one it had is accepted beside it until the overlap ends.

        Raises:
            NotFoundError: the tenant has no such key.
            ConflictError: it is revoked or has expired.
        """
        new = new_api_key(key_id)
        new_hash = await asyncio.to_thread(hash_secret, new.secret)
        now = datetime.now(UTC)
        async with self._store.writing(tenant_id) as session:
            stored = await self._get(session, key_id)
            if not stored.hashes(now):
                raise ConflictError(f"Key {key_id} is revoked or has expired. Make a new one.")
            await session.keys.rotate(
                key_id, new_hash, previous_hash=stored.hash, previous_expires_at=now + overlap
            )
            await session.audit.append(self._deed("keys.rotate", key_id))
        return IssuedKey(key=new, stored=stored)

    async def revoke(self, tenant_id: str, key_id: str) -> None:
        """Take a key back: every process refuses it within seconds.

        Raises:
            NotFoundError: the tenant has no such key.
        """
        async with self._store.writing(tenant_id) as session:
            stored = await self._get(session, key_id)
            if stored.revoked_at is None:
                await session.keys.revoke(key_id, datetime.now(UTC))
                await session.audit.append(self._deed("keys.revoke", key_id))

    async def _get(self, session: Session, key_id: str) -> StoredKey:
        stored = await session.keys.get(key_id)
        if stored is None or not self._is_here(stored):
            raise NotFoundError(
                f"Tenant {session.tenant_id!r} has no key {key_id!r}. `knowtrace keys list` shows those it has."
            )
        return stored

    def _is_here(self, key: StoredKey) -> bool:
        return self._has_operators or key.role != Role.OPERATOR.value

    def _deed(self, action: str, key_id: str) -> Deed:
        return Deed(
            subject=self._caller.subject,
            role=self._caller.role.value,
            action=action,
            object=f"key:{key_id}",
            request_id=self._request_id,
        )
