"""Who the tenants are: their rows hide themselves, so work that is for all of them looks here."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.dialect import insert_new
from knowtrace.store.job_tables import tenants


async def all_tenants(connection: AsyncConnection) -> list[str]:
    found = await connection.scalars(sa.select(tenants.c.tenant_id).order_by(tenants.c.tenant_id))
    return list(found)


async def name_tenants(connection: AsyncConnection, tenant_ids: Collection[str]) -> None:
    """Write down tenants; those that are known stay."""
    await insert_new(connection, tenants, [{"tenant_id": tenant_id} for tenant_id in tenant_ids])
