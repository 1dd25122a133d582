"""What is wrong with the installation just now."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_alerts",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("model_version", sa.String(200), primary_key=True),
        sa.Column("seen_at", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("standing_alerts")
