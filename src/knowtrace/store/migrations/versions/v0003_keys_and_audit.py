"""API keys, and the audit log."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import hide_named_key, isolate, share, show_named_key
from knowtrace.store.tables import Position, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("audit_heads", "audit_log", "api_keys")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(32), primary_key=True),
        sa.Column("tenant_id", sa.String(100), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("student_id", sa.String(200)),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("hash", sa.String(200), nullable=False),
        sa.Column("previous_hash", sa.String(200)),
        sa.Column("previous_expires_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("last_used_at", UtcDateTime),
    )
    op.create_index("api_keys_by_tenant", "api_keys", ["tenant_id", "created_at", "key_id"])
    op.create_table(
        "audit_log",
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
    )
    op.create_index("audit_log_by_object", "audit_log", ["tenant_id", "object_hash", "sequence"])
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("sequence", Position, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
    )
    isolate(TENANTS_TABLES)
    show_named_key("api_keys")


def downgrade() -> None:
    hide_named_key("api_keys")
    share(TENANTS_TABLES)
    for table in TENANTS_TABLES:
        op.drop_table(table)
