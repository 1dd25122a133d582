"""What a model with a curve for each item knows of it, and the place of how far it has drifted."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("discrimination", "guessing", "drift_score"):
        op.add_column("item_parameters", sa.Column(name, sa.Double))


def downgrade() -> None:
    for name in ("drift_score", "guessing", "discrimination"):
        op.drop_column("item_parameters", name)
