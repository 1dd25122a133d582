"""What is wrong is new once, and again when nobody has seen it for long enough."""

from datetime import UTC, datetime, timedelta

from knowtrace.store import StandingAlert, Store

QUIET = timedelta(hours=1)


async def test_it_is_new_once_for_each_model_until_it_was_quiet(store: Store) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)

    async def ended(minutes: int) -> list[StandingAlert]:
        before = start + timedelta(minutes=minutes) - QUIET
        is_there = await store.has_quiet_alerts(before)
        async with store.transaction() as transaction:
            found = await transaction.alerts.end_quiet(before)
        assert is_there == bool(found)
        return found

    async def is_new(minutes: int, name: str = "degraded", version: str = "m-1") -> bool:
        async with store.transaction() as transaction:
            return await transaction.alerts.note(
                StandingAlert(name, version), now=start + timedelta(minutes=minutes)
            )

    assert [await is_new(minutes) for minutes in (0, 30, 90, 150)] == [True, False, False, False]
    assert [await ended(minutes) for minutes in (150, 210)] == [[], []]
    assert await ended(211) == [StandingAlert("degraded", "m-1")]
    assert [await is_new(minutes) for minutes in (211, 212)] == [True, False]
    assert await is_new(213, version="m-2")
    assert await is_new(213, name="answers_drift")
    assert [name for name, _ in await ended(300)] == ["answers_drift", "degraded", "degraded"]
