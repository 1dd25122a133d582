"""Where a student was last erased, and what each student's answers may be used for."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import Position, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("student_consents",)


def upgrade() -> None:
    op.add_column("log_head", sa.Column("erased_at", Position, nullable=False, server_default="0"))
    op.create_table(
        "student_consents",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("student_id", sa.String(200), primary_key=True),
        sa.Column("purpose", sa.String(50), primary_key=True),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("changed_by", sa.String(300), nullable=False),
    )
    isolate(TENANTS_TABLES)


def downgrade() -> None:
    share(TENANTS_TABLES)
    op.drop_table("student_consents")
    op.drop_column("log_head", "erased_at")
