"""How hard the champion's items are."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.tables import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "item_parameters",
        sa.Column("item_id", sa.String(200), primary_key=True),
        sa.Column("skill_id", sa.String(200)),
        sa.Column("num_answers", sa.Integer, nullable=False),
        sa.Column("mean_score", sa.Double),
        sa.Column("difficulty", sa.Double),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("last_updated", UtcDateTime, nullable=False),
    )
    op.create_index("item_parameters_by_skill", "item_parameters", ["skill_id"])


def downgrade() -> None:
    op.drop_table("item_parameters")
