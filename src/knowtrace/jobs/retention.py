"""Delete what an installation does not want to keep any longer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from knowtrace.store import Store

MESSAGES_AT_ONCE = 1_000
"""In one transaction: the outbox grows with every answer, and others wait for their turn to write."""


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
    """Delete, tenant by tenant, what is older; return how many of each."""
    decisions = jobs = snapshots = messages = 0
    tenants = await store.tenants()
    for tenant_id in tenants:
        async with store.writing(tenant_id) as session:
            if keeping.decisions_days is not None:
                decisions += await session.decisions.forget(
                    before=now - timedelta(days=keeping.decisions_days)
                )
            if keeping.jobs_days is not None:
                jobs += await session.jobs.forget_ended(before=now - timedelta(days=keeping.jobs_days))
            if keeping.snapshots_days is not None:
                snapshots += await session.snapshots.forget_old(
                    before=now - timedelta(days=keeping.snapshots_days)
                )
        messages += await _forget_messages(store, tenant_id, now - timedelta(days=keeping.messages_days))
    return (
        f"deleted {decisions} decisions, {jobs} jobs with their results, {snapshots} snapshots "
        f"and {messages} messages of {len(tenants)} tenants"
    )


async def _forget_messages(store: Store, tenant_id: str, before: datetime) -> int:
    messages = 0
    while True:
        async with store.writing(tenant_id) as session:
            deleted = await session.outbox.forget(before=before, limit=MESSAGES_AT_ONCE)
        messages += deleted
        if deleted < MESSAGES_AT_ONCE:
            return messages
