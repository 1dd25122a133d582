"""Whose turn it is to write: one transaction at a time, of all processes, and where it finds the log."""

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.row_security import TENANT
from knowtrace.store.tables import log_head

LONGEST_PAUSE = "60s"
"""A writer that does nothing for so long within its transaction has frozen: PostgreSQL then ends it, or it would hold
up the writers of all other processes."""

WRITER_LOCK = 0x6B6E6F77
"""PostgreSQL's advisory lock that the one writer at a time holds: the word "know"."""

BOUND_PAUSE = sa.func.set_config("idle_in_transaction_session_timeout", sa.bindparam("pause"), sa.true())
LOCK = sa.select(BOUND_PAUSE, sa.func.pg_advisory_xact_lock(WRITER_LOCK))
NAME_TENANT = sa.func.set_config(TENANT, sa.bindparam("tenant_id"), sa.true())

READ_HEAD = sa.select(log_head.c.position, log_head.c.erased_at)
TURN = LOCK.add_columns(NAME_TENANT).cte("turn").prefix_with("MATERIALIZED", dialect="postgresql")
# The statement began before it waited for its turn. What it reads is of then, but a row that it locks is of now.
TAKE_TURN = READ_HEAD.join_from(log_head, TURN, sa.true()).with_for_update(of=log_head)


class Standing(NamedTuple):
    """Where the log stands: its last change, and its last change when a student of any tenant was last erased."""

    position: int
    erased_at: int


async def take_turn(connection: AsyncConnection, tenant_id: str) -> Standing:
    """Wait until no other process writes, not for ever, and let the transaction see a tenant's rows."""
    if connection.dialect.name == "postgresql":
        found = await connection.execute(TAKE_TURN, {"tenant_id": tenant_id, "pause": LONGEST_PAUSE})
    else:  # BEGIN IMMEDIATE has waited
        found = await connection.execute(READ_HEAD)
    return Standing(*found.one())


async def lock_for_writing(connection: AsyncConnection) -> None:
    """Wait until no other process writes, where there may be no log yet."""
    if connection.dialect.name == "postgresql":
        await connection.execute(LOCK, {"pause": LONGEST_PAUSE})
