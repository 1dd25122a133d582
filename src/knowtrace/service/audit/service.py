"""Read and check the audit log."""

from dataclasses import asdict

from knowtrace.service.audit.schemas import AuditLineOut, AuditOut, AuditQuery
from knowtrace.store import AuditReport, Store


async def newest(store: Store, tenant_id: str, query: AuditQuery) -> AuditOut:
    async with store.reading(tenant_id) as session:
        object_hash = session.audit.object_hash(query.object) if query.object else None
        found = await session.audit.newest(
            limit=query.limit + 1, before=query.before, object_hash=object_hash
        )
    page = found[: query.limit]
    return AuditOut(
        lines=[AuditLineOut(**asdict(line)) for line in page],
        next_before=page[-1].sequence if len(found) > query.limit else None,
    )


async def verify(store: Store, tenant_id: str, *, expected_head: str | None = None) -> AuditReport:
    """Check every line of a tenant's log, in one snapshot."""
    async with store.reading(tenant_id) as session:
        return await session.audit.verify(expected_head=expected_head)


__all__ = ["AuditReport", "newest", "verify"]
