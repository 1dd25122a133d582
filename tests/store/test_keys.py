"""API keys in the database: whose they are, and which secrets are accepted when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from knowtrace.store import Store, StoredKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = StoredKey(
    key_id="k1",
    tenant_id="north",
    role="educator",
    student_id=None,
    name="staff room",
    scopes=("mastery:read",),
    hash="hash 1",
    created_at=NOW,
)


async def test_a_key_is_found_by_its_id_alone_and_listed_by_its_tenant_only(store: Store) -> None:
    async with store.writing("north") as session:
        await session.keys.add(KEY)
    assert await store.find_key("k1") == KEY
    assert await store.find_key("k2") is None
    async with store.reading("north") as session:
        assert await session.keys.all() == [KEY]
        assert await session.keys.get("k1") == KEY
    async with store.reading("south") as session:
        assert await session.keys.all() == []
        assert await session.keys.get("k1") is None


async def test_another_tenant_changes_nothing(store: Store) -> None:
    async with store.writing("north") as session:
        await session.keys.add(KEY)
    async with store.writing("south") as session:
        await session.keys.revoke("k1", NOW)
        await session.keys.mark_used("k1", NOW)
        await session.keys.rotate("k1", "hash 2", previous_hash=None, previous_expires_at=NOW)
    assert await store.find_key("k1") == KEY


async def test_last_use_never_goes_back(store: Store) -> None:
    async with store.writing("north") as session:
        await session.keys.add(KEY)
        await session.keys.mark_used("k1", NOW)
        await session.keys.mark_used("k1", NOW - timedelta(hours=1))
    found = await store.find_key("k1")
    assert found is not None
    assert found.last_used_at == NOW


def test_which_secrets_are_accepted_when() -> None:
    hour = timedelta(hours=1)
    rotated = replace(KEY, hash="hash 2", previous_hash="hash 1", previous_expires_at=NOW + hour)
    assert tuple(KEY.hashes(NOW)) == ("hash 1",)
    assert tuple(rotated.hashes(NOW)) == ("hash 2", "hash 1")
    assert tuple(rotated.hashes(NOW + hour)) == ("hash 2",)
    assert not replace(rotated, expires_at=NOW).hashes(NOW)
    assert not replace(rotated, revoked_at=NOW).hashes(NOW)
