"""Row-level security on PostgreSQL: a transaction sees the rows of the tenant it has named, and no others.

Forced on the owner of the tables too. Superusers and roles with BYPASSRLS go past every policy: the service must not
connect as one of them.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.ext.asyncio import AsyncConnection

TENANT = "knowtrace.tenant"
"""The setting that names a transaction's tenant; unset, no row is seen."""

KEY = "knowtrace.key_id"
"""The setting that names the one API key that may be read before any tenant is known."""

POLICY = "tenant_rows"

NAME_KEY = sa.select(sa.func.set_config(KEY, sa.bindparam("key_id"), sa.true()))
NAME_TENANT = sa.select(sa.func.set_config(TENANT, sa.bindparam("tenant_id"), sa.true()))
NAME_TENANT_FOR_LONG = sa.select(sa.func.set_config(TENANT, sa.bindparam("tenant_id"), sa.false()))
GOES_PAST_POLICIES = sa.text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


def isolate(tables: Iterable[str]) -> None:
    """Give tables their policy; to be called by a migration."""
    if op.get_bind().dialect.name != "postgresql":
        return
    rule = f"tenant_id = current_setting('{TENANT}', true)"
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {POLICY} ON {table} USING ({rule}) WITH CHECK ({rule})")


def share(tables: Iterable[str]) -> None:
    """Take the policies away again; to be called by a migration."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in tables:
        op.execute(f"DROP POLICY {POLICY} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def show_named_key(table: str) -> None:
    """Let the one key that is named by its id be read, whosever it is; to be called by a migration."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE POLICY named_key ON {table} FOR SELECT USING (key_id = current_setting('{KEY}', true))"
        )


def hide_named_key(table: str) -> None:
    """Take that policy away again; to be called by a migration."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP POLICY named_key ON {table}")


async def name_key(connection: AsyncConnection, key_id: str) -> None:
    """Let the rest of the transaction read one API key, before its tenant is known."""
    if connection.dialect.name == "postgresql":
        await connection.execute(NAME_KEY, {"key_id": key_id})


async def name_tenant(connection: AsyncConnection, tenant_id: str) -> None:
    """Let the rest of the transaction see the rows of one tenant, until another is named."""
    if connection.dialect.name == "postgresql":
        await connection.execute(NAME_TENANT, {"tenant_id": tenant_id})


async def name_tenant_for_long(connection: AsyncConnection, tenant_id: str) -> None:
    """Let a connection without transactions see the rows of one tenant, until another is named."""
    if connection.dialect.name == "postgresql":
        await connection.execute(NAME_TENANT_FOR_LONG, {"tenant_id": tenant_id})


async def keeps_tenants_apart(connection: AsyncConnection) -> bool | None:
    """Return whether the database itself would refuse this connection another tenant's rows; None: it cannot."""
    if connection.dialect.name != "postgresql":
        return None
    return not await connection.scalar(GOES_PAST_POLICIES)
