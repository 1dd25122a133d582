"""Delete what an installation does not want to keep any longer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from knowtrace.store import Session, Store

ROWS_AT_ONCE = 1_000
"""In one transaction: others wait for their turn to write."""

JOBS_AT_ONCE = 10
"""Each may have 10,000 results, which go with it."""


_Forget = Callable[[Session, datetime, int], Awaitable[int]]
"""Deletes some of what a tenant has from before a time, as many as it is told at most; returns how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """For how many days each is kept; None keeps it for ever.

    Messages count from when they arrived or were given up.
    """

    decisions_days: int | None
    jobs_days: int | None
    snapshots_days: int | None
    messages_days: int


async def forget(store: Store, keeping: Keeping, *, now: datetime) -> str:
    """Delete, tenant by tenant and some at a time, what is older; return how many of each."""

    async def old(forget_some: _Forget, days: int | None, limit: int = ROWS_AT_ONCE) -> int:
        if days is None:
            return 0
        before, total = now - timedelta(days=days), 0
        for tenant_id in tenants:
            deleted = limit
            while deleted == limit:
                async with store.writing(tenant_id) as session:
                    deleted = await forget_some(session, before, limit)
                total += deleted
        return total

    tenants = await store.tenants()
    decisions = await old(lambda s, t, n: s.decisions.forget(before=t, limit=n), keeping.decisions_days)
    jobs = await old(lambda s, t, n: s.jobs.forget_ended(before=t, limit=n), keeping.jobs_days, JOBS_AT_ONCE)
    snapshots = await old(lambda s, t, n: s.snapshots.forget_old(before=t, limit=n), keeping.snapshots_days)
    messages = await old(lambda s, t, n: s.outbox.forget(before=t, limit=n), keeping.messages_days)
    return (
        f"deleted {decisions} decisions, {jobs} jobs with their results, {snapshots} snapshots "
        f"and {messages} messages of {len(tenants)} tenants"
    )
