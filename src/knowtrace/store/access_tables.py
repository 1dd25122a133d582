"""The tables of who may ask, and of what was done."""

import sqlalchemy as sa

from knowtrace.store.tables import Position, UtcDateTime, metadata

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(100), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("student_id", sa.String(200)),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("hash", sa.String(200), nullable=False),
    # Of the secret before the last rotation, which is accepted beside the new one until it expires.
    sa.Column("previous_hash", sa.String(200)),
    sa.Column("previous_expires_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    # To the hour: one write an hour, and no diary of when somebody works.
    sa.Column("last_used_at", UtcDateTime),
    sa.Index("api_keys_by_tenant", "tenant_id", "created_at", "key_id"),
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("sequence", Position, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("action", sa.String(100), nullable=False),
    sa.Column("object_hash", sa.String(64), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("request_id", sa.String(128), nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("audit_log_by_object", "tenant_id", "object_hash", "sequence"),
)

audit_heads = sa.Table(
    "audit_heads",
    metadata,
    # Where a tenant's log ends: without it, lines dropped from the end would not be missed.
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("sequence", Position, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("seal", sa.String(64), nullable=False),
)
