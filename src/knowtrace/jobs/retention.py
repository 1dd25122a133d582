"""Delete what an installation does not want to keep any longer."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from knowtrace.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """For how many days each is kept; None keeps it for ever."""

    decisions_days: int | None
    jobs_days: int | None
    snapshots_days: int | None

    @property
    def is_for_ever(self) -> bool:
        return self.decisions_days is self.jobs_days is self.snapshots_days is None


async def forget(store: Store, keeping: Keeping, *, now: datetime) -> str:
    """Delete, tenant by tenant, what is older; return how many of each."""
    decisions = jobs = snapshots = 0
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
    return (
        f"deleted {decisions} decisions, {jobs} jobs with their results and {snapshots} snapshots "
        f"of {len(tenants)} tenants"
    )
