"""What other systems send in the standards' words, and what is sent to them."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import Position, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("learning_records", "webhooks", "outbox")
SHARED_TABLES = ("subscriptions", "delivery_lanes")


def upgrade() -> None:
    op.create_table(
        "learning_records",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("standard", sa.String(20), primary_key=True),
        sa.Column("record_id", sa.String(200), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("student_id", sa.String(200)),
        sa.Column("about_id", sa.String(200)),
        sa.Column("body", sa.JSON),
        sa.Column("stored_at", UtcDateTime, nullable=False),
    )
    op.create_index("learning_records_by_about", "learning_records", ["tenant_id", "standard", "about_id"])
    op.create_index("learning_records_by_student", "learning_records", ["tenant_id", "student_id"])
    op.create_table(
        "webhooks",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("webhook_id", sa.String(32), primary_key=True),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("kinds", sa.JSON, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("disabled_at", UtcDateTime),
    )
    op.create_table(
        "outbox",
        sa.Column("sequence", Position, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", sa.String(100), nullable=False),
        sa.Column("message_id", sa.String(32), nullable=False),
        sa.Column("destination", sa.String(32), nullable=False),
        sa.Column("lane", sa.String(32), nullable=False),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("available_at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("delivered_at", UtcDateTime),
        sa.Column("dead_at", UtcDateTime),
        sa.Column("last_error", sa.String(500)),
    )
    op.create_index("outbox_by_lane", "outbox", ["tenant_id", "lane", "sequence"])
    op.create_index("outbox_by_destination", "outbox", ["tenant_id", "destination", "dead_at"])
    op.create_table(
        "subscriptions",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("webhook_id", sa.String(32), primary_key=True),
        sa.Column("kinds", sa.JSON, nullable=False),
    )
    op.create_table(
        "delivery_lanes",
        sa.Column("lane", sa.String(32), primary_key=True),
        sa.Column("tenant_id", sa.String(100), nullable=False),
        sa.Column("destination", sa.String(32), nullable=False),
        sa.Column("available_at", UtcDateTime, nullable=False),
        sa.Column("lease_until", UtcDateTime),
    )
    op.create_index("delivery_lanes_by_time", "delivery_lanes", ["available_at"])
    isolate(TENANTS_TABLES)


def downgrade() -> None:
    share(TENANTS_TABLES)
    for table in (*TENANTS_TABLES, *SHARED_TABLES):
        op.drop_table(table)
