"""Every row belongs to a tenant; answers can be corrected and withdrawn; snapshots of students' states."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import Position, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FIRST_TENANT = "default"
"""Whose everything is that was stored before there were tenants."""

KEPT = {
    "events": (
        "position, event_id, student_id, item_id, skill_ids, response, answered_at, received_at, elapsed_seconds, "
        "hints_used, attempt, session_id, fingerprint"
    ),
    "student_states": "student_id, model_version, vector, num_answers, last_answered_at, last_position",
    "student_mastery": (
        "student_id, skill_id, mastery, low, high, interaction_count, last_answered_at, was_mastered, model_version, "
        "updated_at"
    ),
    "recommendations": (
        "decision_id, student_id, skill, created_at, model_version, recommendation_type, items, num_candidates, "
        "propensity"
    ),
}
TENANTS_TABLES = (*KEPT, "event_revisions", "student_snapshots")


def upgrade() -> None:
    _make_room()
    _create_tables(of_tenants=True)
    op.create_index("events_by_id", "events", ["tenant_id", "event_id"], unique=True)
    for table, columns in KEPT.items():
        op.execute(
            f"INSERT INTO {table} (tenant_id, {columns}) SELECT '{FIRST_TENANT}', {columns} FROM old_{table}"  # noqa: S608
        )
    _remove_old()
    _create_indices("tenant_id")
    op.create_table(
        "event_revisions",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("event_id", sa.String(200), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("replaced_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "student_snapshots",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("student_id", sa.String(200), primary_key=True),
        sa.Column("model_version", sa.String(200), primary_key=True),
        sa.Column("answered_at", UtcDateTime, primary_key=True),
        sa.Column("position", Position, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("num_answers", sa.Integer, nullable=False),
        sa.Column("skills", sa.JSON, nullable=False),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("position", Position, nullable=False),
    )
    op.execute("INSERT INTO log_head (id, position) SELECT 1, coalesce(max(position), 0) FROM events")
    isolate(TENANTS_TABLES)


def downgrade() -> None:
    share(TENANTS_TABLES)
    others = op.get_bind().scalar(
        sa.text("SELECT count(*) FROM student_states WHERE tenant_id <> :first"), {"first": FIRST_TENANT}
    )
    if others:
        raise RuntimeError(
            f"{others} students belong to tenants other than {FIRST_TENANT!r}, and revision 0001 has no tenants: "
            "move them to a database of their own first."
        )
    op.drop_index("events_by_id", "events")
    _make_room()
    _create_tables(of_tenants=False)
    for table, columns in KEPT.items():
        still_there = " WHERE withdrawn_at IS NULL" if table == "events" else ""
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old_{table}{still_there}")  # noqa: S608
    _remove_old()
    with op.batch_alter_table("events") as events:
        events.create_unique_constraint("events_event_id_key", ["event_id"])
    _create_indices()
    for table in ("event_revisions", "student_snapshots", "log_head"):
        op.drop_table(table)


def _make_room() -> None:
    for table, index in INDICES.items():
        op.drop_index(index, table)
    for table in KEPT:
        op.rename_table(table, f"old_{table}")


def _remove_old() -> None:
    for table in ("student_mastery", "student_states", "events", "recommendations"):
        op.drop_table(f"old_{table}")


INDICES = {
    "events": "events_by_student",
    "student_states": "students_by_last_answer",
    "recommendations": "recommendations_by_student",
}


def _create_indices(*first: str) -> None:
    op.create_index(INDICES["events"], "events", [*first, "student_id", "answered_at", "position"])
    op.create_index(INDICES["student_states"], "student_states", [*first, "last_answered_at", "student_id"])
    op.create_index(INDICES["recommendations"], "recommendations", [*first, "student_id", "created_at"])


def _create_tables(*, of_tenants: bool) -> None:
    student = ["tenant_id", "student_id"] if of_tenants else ["student_id"]

    def added(*columns: sa.Column[Any]) -> list[sa.Column[Any]]:
        return [sa.Column("tenant_id", sa.String(100), nullable=False), *columns] if of_tenants else []

    def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
        # The table that is replaced keeps the other name until it is gone.
        return sa.PrimaryKeyConstraint(*columns, name=f"{table}_{'tenants_' if of_tenants else ''}key")

    op.create_table(
        "events",
        sa.Column("position", Position, nullable=False, autoincrement=False),
        *added(
            sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
            sa.Column("withdrawn_at", UtcDateTime),
        ),
        sa.Column("event_id", sa.String(200), nullable=False),
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
        key("events", "position"),
    )
    op.create_table(
        "student_states",
        *added(sa.Column("rewritten_at", Position, nullable=False, server_default="0")),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("num_answers", sa.Integer, nullable=False),
        sa.Column("last_answered_at", UtcDateTime),
        sa.Column("last_position", Position, nullable=False),
        key("student_states", *student),
    )
    op.create_table(
        "student_mastery",
        *added(),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("skill_id", sa.String(200), nullable=False),
        sa.Column("mastery", sa.Double, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.Column("interaction_count", sa.Integer, nullable=False),
        sa.Column("last_answered_at", UtcDateTime),
        sa.Column("was_mastered", sa.Boolean, nullable=False),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        key("student_mastery", *student, "skill_id"),
        sa.ForeignKeyConstraint(student, [f"student_states.{name}" for name in student], ondelete="CASCADE"),
    )
    op.create_table(
        "recommendations",
        *added(),
        sa.Column("decision_id", sa.String(32), nullable=False),
        sa.Column("student_id", sa.String(200), nullable=False),
        sa.Column("skill", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("model_version", sa.String(200), nullable=False),
        sa.Column("recommendation_type", sa.String(20), nullable=False),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("num_candidates", sa.Integer, nullable=False),
        sa.Column("propensity", sa.Double),
        key("recommendations", "decision_id"),
    )
