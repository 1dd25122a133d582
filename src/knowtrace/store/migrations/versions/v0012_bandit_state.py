"""The place of what a policy that decides has learnt."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("bandit_state",)


def upgrade() -> None:
    op.create_table(
        "bandit_state",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("policy", sa.String(200), primary_key=True),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    isolate(TENANTS_TABLES)


def downgrade() -> None:
    share(TENANTS_TABLES)
    op.drop_table("bandit_state")
