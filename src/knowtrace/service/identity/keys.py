"""Is this API key one of ours, and whose?"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from knowtrace.service.identity.bounded import Bounded
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.credentials import ApiKey
from knowtrace.service.identity.hashing import Hashing
from knowtrace.store import StoredKey

ROW_SECONDS = 2.0
"""How long a stored key is believed without looking again: a revocation takes effect within this."""

PROOF_SECONDS = 600.0
"""How long a secret that was proved need not be proved again, as long as the stored hash is the same."""

REFUSED_SECONDS = 60.0
"""How long a secret that was refused is refused again without computing, as long as the stored hashes are the same."""

MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Proved:
    """A stored key, and which of its hashes the presented secret belongs to."""

    stored: StoredKey
    matched: str


@dataclass(frozen=True, slots=True)
class Nobody:
    """There is no such key: remembered too, so that its absence costs what its presence does."""


class KeyVerifier:
    """Knows keys by their stored hashes. argon2 is paid once per secret, process and ten minutes.

    `find` reads a stored key by its id. What was proved is kept under an HMAC of the presented text, with a key
    that is drawn at start and never leaves the process. `on_look` hears of each look at what is
    kept, by the name of its cache, whether it was there.
    """

    def __init__(
        self,
        find: Callable[[str], Awaitable[StoredKey | None]],
        hashing: Hashing,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_look: Callable[[str, bool], None] = lambda *_: None,
    ) -> None:
        self._find = find
        self._on_look = on_look
        self._hashing = hashing
        self._now = now
        self._memory_key = secrets.token_bytes(32)
        self._rows: Bounded[str, StoredKey | Nobody] = Bounded(MOST_KEPT, ROW_SECONDS, clock)
        self._proofs: Bounded[bytes, str] = Bounded(MOST_KEPT, PROOF_SECONDS, clock)
        self._refused: Bounded[bytes, tuple[str, ...]] = Bounded(MOST_KEPT, REFUSED_SECONDS, clock)
        self._underway: dict[bytes, asyncio.Task[str | None]] = {}

    async def proved(self, key: ApiKey) -> Proved | None:
        """Return the stored key if this process has proved the secret before; costs no argon2.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        matched = self._proofs.get(self._digest(key))
        self._on_look("key_proof", matched is not None)
        if matched is None:
            return None
        stored = await self.stored(key.key_id)
        return Proved(stored, matched) if stored and matched in stored.hashes(self._now()) else None

    async def prove(self, key: ApiKey) -> Proved | None:
        """Return the stored key if the secret is its own; None for a wrong secret and for no such key alike.

        Raises:
            UnavailableError: the database cannot be reached, or too many secrets wait to be checked.
        """
        stored = await self.stored(key.key_id)
        hashes = self._hashes(stored)
        digest = self._digest(key)
        task = self._underway.get(digest)
        if task is None:
            # Requests that come together with one key wait for one computation.
            task = self._underway[digest] = asyncio.ensure_future(self._hashing.matching(key.secret, hashes))
            task.add_done_callback(lambda done: self._finish(digest, done))
        matched = await asyncio.shield(task)
        if stored is None or matched is None or matched not in hashes:
            self._refused.put(digest, hashes)
            return None
        self._proofs.put(digest, matched)
        return Proved(stored, matched)

    async def is_refused(self, key: ApiKey) -> bool:
        """Return whether this secret was refused within the last minute, and nothing has changed since.

        A device whose key was revoked and that goes on asking costs nothing, and is not taken for somebody who
        guesses.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        compared = self._refused.get(self._digest(key))
        return compared is not None and compared == self._hashes(await self.stored(key.key_id))

    async def stored(self, key_id: str) -> StoredKey | None:
        """Return a stored key as it was at most `ROW_SECONDS` ago."""
        kept = self._rows.get(key_id)
        self._on_look("stored_key", kept is not None)
        if kept is None:
            kept = await self._find(key_id) or Nobody()
            self._rows.put(key_id, kept)
        return None if isinstance(kept, Nobody) else kept

    def is_accepted(self, stored: StoredKey, fingerprint: str) -> bool:
        """Return whether one of the key's secrets has this fingerprint and is accepted now."""
        return any(
            hmac.compare_digest(fingerprint_of(known), fingerprint) for known in stored.hashes(self._now())
        )

    def _finish(self, digest: bytes, done: asyncio.Task[str | None]) -> None:
        del self._underway[digest]
        if not done.cancelled():
            done.exception()  # everybody who waited may have gone: then nobody else asks for it

    def _hashes(self, stored: StoredKey | None) -> tuple[str, ...]:
        return tuple(stored.hashes(self._now())) if stored else ()

    def _digest(self, key: ApiKey) -> bytes:
        return hmac.digest(self._memory_key, key.text.encode(), "sha256")


def fingerprint_of(known: str) -> str:
    """Return what a cookie says of the secret it was given for; it tells nothing about the secret."""
    return hashlib.sha256(known.encode()).hexdigest()[:32]


def caller_of_key(stored: StoredKey) -> Caller:
    return Caller(
        tenant_id=stored.tenant_id,
        subject=f"key:{stored.key_id}",
        role=Role(stored.role),
        student_id=stored.student_id,
        scopes=frozenset(stored.scopes) if stored.scopes else None,
    )
