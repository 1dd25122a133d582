"""What other systems send in the standards' words."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import UtcDateTime

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("learning_records",)


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
    isolate(TENANTS_TABLES)


def downgrade() -> None:
    share(TENANTS_TABLES)
    for table in TENANTS_TABLES:
        op.drop_table(table)
