"""Events, the students' states and mastery, and recommendations."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.tables import Position, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("position", Position, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.String(200), nullable=False, unique=True),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("item_id", sa.String(200), nullable=False),
        sa.Column("skill_ids", sa.JSON, nullable=False),
        sa.Column("response", sa.Integer, nullable=False),
        sa.Column("answered_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("elapsed_seconds", sa.Double),
        sa.Column("hints_used", sa.Integer),
        sa.Column("attempt", sa.Integer),
        sa.Column("session_id", sa.String(200)),
        sa.Column("fingerprint", sa.String(32), nullable=False),
    )
    op.create_index("events_by_student", "events", ["student_id", "answered_at", "position"])
    op.create_table(
        "student_states",
        sa.Column("student_id", sa.String(200), primary_key=True),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("num_answers", sa.Integer, nullable=False),
        sa.Column("last_answered_at", UtcDateTime),
        sa.Column("last_position", Position, nullable=False),
    )
    op.create_index("students_by_last_answer", "student_states", ["last_answered_at", "student_id"])
    op.create_table(
        "student_mastery",
        sa.Column(
            "student_id",
            sa.String(200),
            sa.ForeignKey("student_states.student_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("skill_id", sa.String(200), primary_key=True),
        sa.Column("mastery", sa.Double, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.Column("interaction_count", sa.Integer, nullable=False),
        sa.Column("last_answered_at", UtcDateTime),
        sa.Column("was_mastered", sa.Boolean, nullable=False),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "recommendations",
        sa.Column("decision_id", sa.String(32), primary_key=True),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("skill", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("recommendation_type", sa.String(20), nullable=False),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("num_candidates", sa.Integer, nullable=False),
        sa.Column("propensity", sa.Double),
    )
    op.create_index("recommendations_by_student", "recommendations", ["student_id", "created_at"])


def downgrade() -> None:
    op.drop_table("recommendations")
    op.drop_table("student_mastery")
    op.drop_table("student_states")
    op.drop_table("events")
