"""Whom the lake still has to erase."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("lake_erasures",)


def upgrade() -> None:
    op.create_table(
        "lake_erasures",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("student_id", sa.String(200), primary_key=True),
        sa.Column("receipt_id", sa.String(32), nullable=False),
        sa.Column("erased_at", UtcDateTime, nullable=False),
    )
    isolate(TENANTS_TABLES)


def downgrade() -> None:
    share(TENANTS_TABLES)
    op.drop_table("lake_erasures")
