"""What is wrong is new once, and again when nobody has seen it for long enough."""

from datetime import UTC, datetime, timedelta

from knowtrace.store import Store

QUIET = timedelta(hours=1)


async def test_it_is_new_once_for_each_model_until_it_was_quiet(store: Store) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)

    async def is_new(minutes: int, name: str = "degraded", version: str = "m-1") -> bool:
        async with store.transaction() as transaction:
            now = start + timedelta(minutes=minutes)
            return await transaction.alerts.is_new(name, version, now=now, quiet=QUIET)

    assert [await is_new(minutes) for minutes in (0, 30, 90, 150, 211, 212)] == [
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    assert await is_new(213, version="m-2")
    assert await is_new(213, name="drift")
