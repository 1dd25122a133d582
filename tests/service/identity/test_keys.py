"""Is this key one of ours: what it costs, how long it is believed, and when it stops."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from knowtrace.errors import UnavailableError
from knowtrace.service.identity import hashing as hashing_module
from knowtrace.service.identity.credentials import ApiKey, Cookie, new_api_key, read_api_key
from knowtrace.service.identity.hashing import MOST_HASHES, Hashing, hash_secret
from knowtrace.service.identity.keys import MOST_KEPT, PROOF_SECONDS, KeyVerifier
from knowtrace.service.identity.sessions import Sessions
from knowtrace.store import StoredKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = new_api_key()
OTHER_SECRET = ApiKey(KEY.key_id, new_api_key().secret)
STORED = StoredKey(
    key_id=KEY.key_id,
    tenant_id="north",
    role="educator",
    student_id=None,
    name="staff room",
    scopes=(),
    hash=hash_secret(KEY.secret),
    created_at=NOW,
)


class Database:
    """One key, and how often it was looked for."""

    def __init__(self) -> None:
        self.key: StoredKey | None = STORED
        self.num_reads = 0

    async def find(self, key_id: str) -> StoredKey | None:
        self.num_reads += 1
        return self.key if self.key and self.key.key_id == key_id else None


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def hashing() -> Iterator[Hashing]:
    made = Hashing()
    yield made
    made.close()


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, hashing: Hashing, clock: Clock) -> KeyVerifier:
    return KeyVerifier(database.find, hashing, clock=clock, now=clock.now)


async def check(keys: KeyVerifier, key: ApiKey) -> StoredKey | None:
    found = await keys.proved(key) or await keys.prove(key)
    return found.stored if found else None


async def test_argon2_is_paid_once_and_the_database_asked_every_other_second(
    keys: KeyVerifier, database: Database, hashing: Hashing, clock: Clock
) -> None:
    for _ in range(100):
        assert await check(keys, KEY) == STORED
        clock.seconds += 0.1
    assert hashing.num_verifications == 1
    assert database.num_reads == 5
    clock.seconds += PROOF_SECONDS
    assert await check(keys, KEY) == STORED
    assert hashing.num_verifications == 2


async def test_an_unknown_key_costs_what_a_wrong_secret_costs(keys: KeyVerifier, hashing: Hashing) -> None:
    assert await check(keys, OTHER_SECRET) is None
    wrong = hashing.num_verifications
    assert await check(keys, new_api_key()) is None
    assert (wrong, hashing.num_verifications - wrong) == (MOST_HASHES, MOST_HASHES)


async def test_a_refused_secret_is_refused_again_for_nothing_until_something_changes(
    keys: KeyVerifier, database: Database, hashing: Hashing, clock: Clock
) -> None:
    stranger = new_api_key()
    for key in (OTHER_SECRET, stranger):
        assert not await keys.is_refused(key)
        assert await check(keys, key) is None
        assert await keys.is_refused(key)
    assert not await keys.is_refused(KEY)
    assert hashing.num_verifications == 2 * MOST_HASHES
    clock.seconds = 10
    database.key = replace(STORED, hash=hash_secret(OTHER_SECRET.secret))
    assert not await keys.is_refused(OTHER_SECRET)
    assert await check(keys, OTHER_SECRET)
    assert await keys.is_refused(stranger)
    clock.seconds = 60
    assert not await keys.is_refused(stranger)


async def test_a_wrong_secret_costs_the_same_while_two_are_accepted(
    keys: KeyVerifier, database: Database, hashing: Hashing
) -> None:
    database.key = replace(
        STORED, previous_hash=hash_secret("before"), previous_expires_at=NOW + timedelta(hours=1)
    )
    assert await check(keys, OTHER_SECRET) is None
    assert hashing.num_verifications == MOST_HASHES


async def test_a_revocation_holds_within_five_seconds(
    keys: KeyVerifier, database: Database, clock: Clock
) -> None:
    assert await check(keys, KEY)
    database.key = replace(STORED, revoked_at=NOW)
    clock.seconds += 4.9
    assert await check(keys, KEY) is None


async def test_a_deleted_key_is_nobodys(keys: KeyVerifier, database: Database, clock: Clock) -> None:
    assert await check(keys, KEY)
    database.key = None
    clock.seconds += 4.9
    assert await check(keys, KEY) is None


async def test_expiry_needs_no_look_at_the_database(
    keys: KeyVerifier, database: Database, clock: Clock
) -> None:
    database.key = replace(STORED, expires_at=NOW + timedelta(seconds=1))
    assert await check(keys, KEY)
    clock.seconds += 1
    assert await check(keys, KEY) is None
    assert database.num_reads == 1


async def test_both_secrets_are_accepted_for_the_overlap_and_only_then(
    keys: KeyVerifier, database: Database, clock: Clock
) -> None:
    assert await check(keys, KEY)
    database.key = replace(
        STORED,
        hash=hash_secret(OTHER_SECRET.secret),
        previous_hash=STORED.hash,
        previous_expires_at=NOW + timedelta(seconds=60),
    )
    clock.seconds = 10
    assert await check(keys, KEY)
    assert await check(keys, OTHER_SECRET)
    clock.seconds = 60
    assert await check(keys, KEY) is None
    assert await check(keys, OTHER_SECRET)


async def test_requests_that_come_together_share_one_computation(keys: KeyVerifier, hashing: Hashing) -> None:
    found = await asyncio.gather(*[keys.prove(KEY) for _ in range(50)])
    assert all(found)
    assert hashing.num_verifications == 1


async def test_no_more_wait_for_argon2_than_there_is_room(
    keys: KeyVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing_module, "MOST_WAITING", 3)
    tried = await asyncio.gather(*[keys.prove(new_api_key()) for _ in range(5)], return_exceptions=True)
    assert [type(one) for one in tried] == [type(None)] * 3 + [UnavailableError] * 2


async def test_the_event_loop_runs_on_while_argon2_computes(keys: KeyVerifier) -> None:
    ticks = 0
    checking = asyncio.ensure_future(keys.prove(OTHER_SECRET))
    while not checking.done():
        ticks += 1
        await asyncio.sleep(0.001)
    assert ticks > 5


async def test_what_is_remembered_is_bounded_and_holds_no_secret(
    keys: KeyVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys._rows, "_size", 10)
    for _ in range(30):
        await keys.stored(new_api_key().key_id)
    assert len(keys._rows) == 10
    await check(keys, KEY)
    remembered = repr(keys._proofs._kept)
    assert KEY.secret not in remembered
    assert MOST_KEPT == 10_000


def test_a_key_says_nothing_of_its_secret_when_printed() -> None:
    assert KEY.secret not in repr(KEY)
    assert read_api_key(KEY.text) == KEY
    assert read_api_key(KEY.text[:-1]) is None
    assert read_api_key(KEY.text.upper()) is None


async def test_a_cookie_holds_until_its_key_its_secret_or_its_time_ends(
    keys: KeyVerifier, database: Database, clock: Clock
) -> None:
    sessions = Sessions("a signing key", keys, hours=1, clock=lambda: 1e9 + clock.seconds)
    proved = await keys.prove(KEY)
    assert proved
    cookie = Cookie(sessions.begin(proved))
    caller = await sessions.caller(cookie)
    assert caller
    assert (caller.tenant_id, caller.subject, caller.role) == ("north", f"key:{KEY.key_id}", "educator")
    assert KEY.secret not in cookie.text

    clock.seconds = 10
    database.key = replace(STORED, revoked_at=NOW)
    assert await sessions.caller(cookie) is None
    clock.seconds = 20
    database.key = replace(STORED, hash=hash_secret("another"))
    assert await sessions.caller(cookie) is None
    clock.seconds = 30
    database.key = STORED
    assert await sessions.caller(cookie)
    clock.seconds = 3_600
    assert await sessions.caller(cookie) is None


async def test_a_cookie_with_one_letter_changed_is_nobodys(keys: KeyVerifier) -> None:
    sessions = Sessions("a signing key", keys, hours=1)
    proved = await keys.prove(KEY)
    assert proved
    text = sessions.begin(proved)
    for place in range(0, len(text), 3):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert await sessions.caller(Cookie(changed)) is None
    assert await Sessions("another signing key", keys, hours=1).caller(Cookie(text)) is None
    for nonsense in ("", ".", "a.b", "\udcff.x", "=" * 100):
        assert await sessions.caller(Cookie(nonsense)) is None
