"""Which model plays which part."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_roles",
        sa.Column("role", sa.String(20), primary_key=True),
        sa.Column("version", sa.String(200), nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("changed_by", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("model_roles")
