"""Students' stored states in Redis, where one process finds what another has stored or read.

What lies there is sealed, and believed only at the mark that the database has just told (`tracing/followed.py`).
Whatever ails Redis, the database answers.
"""

import asyncio
import hashlib
import hmac
import time
from itertools import islice
from types import TracebackType
from typing import Any, Self

import structlog
from sqlalchemy.engine import make_url

from knowtrace.errors import SettingsError
from knowtrace.service.breaker import Breaker
from knowtrace.service.metrics import Metrics, StateCacheFailure
from knowtrace.settings import Settings
from knowtrace.store import Mark
from knowtrace.tracing.sharing import Stand, pack, unpack
from knowtrace.tracing.student import StudentKey

FORMAT = 1
"""Of what `pack` writes: with another one, what older processes have put there lies elsewhere."""

READ_WITHIN_SECONDS = 0.05
WRITE_WITHIN_SECONDS = 0.5
FORGET_WITHIN_SECONDS = 2.0
MOST_CONNECTIONS = 8
MOST_WAITING = 4_000
MOST_AT_ONCE = 32
"""States written together: packing them takes a millisecond, in which nobody is answered."""

KEPT_OUT_SECONDS = 60
"""How long after an erasure nothing is put there: longer than any process can still have it in hand."""

PUT = """
for number, key in ipairs(KEYS) do
  if redis.call('GET', key) ~= '' then redis.call('SET', key, ARGV[number + 1], 'EX', ARGV[1]) end
end
"""
"""Seconds to keep, then a state for each key. What is empty was erased just now, and stays so."""

WARN_EVERY_SECONDS = 60.0
SEAL_BYTES = 16

log: Any = structlog.get_logger("knowtrace.state_cache")


class StateKeys:
    """Where a student's state lies, and the seal that says one of us put it there for that student.

    Both are keyed hashes; other databases and other secrets have other ones.
    """

    def __init__(self, secret: str, database_url: str) -> None:
        url = make_url(database_url)
        # Without who connects: a password may be changed.
        database = f"{url.host}:{url.port}/{url.database}?{url.query.get('host')}"
        derived = hashlib.blake2b(secret.encode(), digest_size=32, person=b"knowtrace state").digest()
        self._key = hashlib.blake2b(database.encode(), key=derived, digest_size=32).digest()

    def of(self, student: StudentKey) -> bytes:
        who = f"{len(student.tenant_id)}:{student.tenant_id}{student.student_id}".encode(
            "utf-8", "surrogatepass"
        )
        digest = hashlib.blake2b(who, key=self._key, digest_size=20, person=b"key").hexdigest()
        return f"knowtrace:state:{FORMAT}:{digest}".encode()

    def seal(self, key: bytes, packed: bytes) -> bytes:
        return self._seal_of(key, packed) + packed

    def open(self, key: bytes, sealed: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            ValueError: it was not sealed by one of us, or for another key.
        """
        seal, packed = sealed[:SEAL_BYTES], sealed[SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal_of(key, packed)):
            raise ValueError("The seal is not that of these bytes.")
        return packed

    def _seal_of(self, key: bytes, packed: bytes) -> bytes:
        return hashlib.blake2b(key + packed, key=self._key, digest_size=SEAL_BYTES, person=b"seal").digest()


class RedisStates:
    """A cache of stored states that never fails and lets nobody wait for long.

    `async with` writes what is offered: it waits in memory, the newest of each student, and is dropped while too much
    waits.
    """

    def __init__(self, redis: Any, keys: StateKeys, metrics: Metrics, *, keep_seconds: int) -> None:
        self._redis = redis
        self._keys = keys
        self._metrics = metrics
        self.keep_seconds = keep_seconds
        self._waiting: dict[StudentKey, Stand] = {}
        self._arrived = asyncio.Event()
        self._turn = asyncio.Lock()
        """Held while states are written, and while some are forgotten: none may be put there behind its erasure."""
        self._reading, self._writing = Breaker(), Breaker()  # one that is full can still be read
        self._warned_at = float("-inf")
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write(), name="state cache")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._redis.aclose()

    @property
    def is_resting(self) -> bool:
        """Whether Redis has failed again and again and is left alone."""
        return self._reading.is_open or self._writing.is_open

    async def find(self, student: StudentKey, mark: Mark) -> Stand | None:
        """Return what was put there at that mark; None when that is not there, or cannot be had in a moment."""
        stand = await self._read(self._keys.of(student))
        is_hit = stand is not None and stand.mark == mark
        self._metrics.looked_for_shared_state(is_hit=is_hit)
        return stand if is_hit else None

    def offer(self, student: StudentKey, stand: Stand) -> None:
        """Put a stored state there soon, without waiting; it may be dropped."""
        if self._writing.is_open:
            self._metrics.state_cache_failed(StateCacheFailure.LEFT_ALONE)
        elif len(self._waiting) >= MOST_WAITING and student not in self._waiting:
            self._metrics.state_cache_failed(StateCacheFailure.DROPPED)
        else:
            self._waiting[student] = stand
            self._arrived.set()

    async def forget(self, student: StudentKey) -> bool:
        """Take a student away, for a while also what other processes still put there; return whether that is sure."""
        self._waiting.pop(student, None)
        key = self._keys.of(student)
        try:
            async with (
                asyncio.timeout(FORGET_WITHIN_SECONDS),
                self._turn,
                self._redis.pipeline(transaction=False) as together,
            ):
                await together.delete(key).set(key, b"", ex=KEPT_OUT_SECONDS).execute()
        except Exception as error:  # noqa: BLE001 - the student is erased: what lies there serves nobody, and expires
            self._failed(StateCacheFailure.NOT_FORGOTTEN, error)
            return False
        return True

    async def _read(self, key: bytes) -> Stand | None:
        if not self._reading.lets_through():
            self._metrics.state_cache_failed(StateCacheFailure.LEFT_ALONE)
            return None
        began = time.perf_counter()
        try:
            async with asyncio.timeout(READ_WITHIN_SECONDS):
                found = await self._redis.get(key)
        except Exception as error:  # noqa: BLE001 - the database answers
            self._reading.failed()
            self._failed(StateCacheFailure.UNREAD, error)
            return None
        self._reading.succeeded(time.perf_counter() - began)
        if not found:
            return None
        try:
            return unpack(self._keys.open(key, found))
        except ValueError as error:
            self._failed(StateCacheFailure.BROKEN, error)
            return None

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                async with self._turn:
                    await self._write_some()

    async def _write_some(self) -> None:
        some = [
            (student, self._waiting.pop(student)) for student in list(islice(self._waiting, MOST_AT_ONCE))
        ]
        began = time.perf_counter()
        try:
            keys = [self._keys.of(student) for student, _ in some]
            sealed = [self._keys.seal(key, pack(stand)) for key, (_, stand) in zip(keys, some, strict=True)]
            async with asyncio.timeout(WRITE_WITHIN_SECONDS):
                await self._redis.eval(PUT, len(keys), *keys, self.keep_seconds, *sealed)
        except Exception as error:  # noqa: BLE001 - whoever looks for these reads the database
            self._writing.failed()
            self._failed(StateCacheFailure.UNWRITTEN, error, len(some))
        else:
            self._writing.succeeded(time.perf_counter() - began)
        if self._writing.is_open:
            self._metrics.state_cache_failed(StateCacheFailure.LEFT_ALONE, len(self._waiting))
            self._waiting.clear()

    def _failed(self, failure: StateCacheFailure, error: Exception, count: int = 1) -> None:
        self._metrics.state_cache_failed(failure, count)
        if time.monotonic() - self._warned_at >= WARN_EVERY_SECONDS:
            self._warned_at = time.monotonic()
            log.warning("the state cache fails", failure=failure.value, error=type(error).__name__)


def redis_states(settings: Settings, metrics: Metrics) -> RedisStates | None:
    """Return the cache that the settings ask for, None where they ask for none. Nothing is connected yet.

    Raises:
        SettingsError: its address cannot be used.
    """
    if not settings.state_cache_url:
        return None
    keys = StateKeys(settings.log_key.get_secret_value(), settings.database_url)
    redis = _redis(settings.state_cache_url)
    return RedisStates(redis, keys, metrics, keep_seconds=settings.state_cache_seconds)


def _redis(url: str) -> Any:
    try:
        from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415 - an extra of its own
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        pool: Any = BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=FORGET_WITHIN_SECONDS,
            socket_timeout=FORGET_WITHIN_SECONDS,
            socket_connect_timeout=FORGET_WITHIN_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"state_cache_url cannot be used ({type(error).__name__}). Write redis://HOST:PORT/0, and install "
            "knowtrace[redis]."
        ) from error
    return Redis.from_pool(pool)
