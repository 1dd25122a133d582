"""The tables, and the column types that make both databases agree."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite keeps no zone, so it is taken off on the way in and put back on the way
    out.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"Times are stored in UTC; {value} names no zone. Give an aware datetime.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Position = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite's INTEGER has 64 bits too, and as a primary key it is the row's own address: one index less to
write.
"""

metadata = sa.MetaData()


def _tenant_id() -> sa.Column[str]:
    return sa.Column("tenant_id", sa.String(100), primary_key=True)


log_head = sa.Table(
    "log_head",
    metadata,
    # One row. Every change of the log moves it on: a process that finds it where it left it has missed nothing.
    sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    sa.Column("position", Position, nullable=False),
    # Where the log stood when a student was last erased: a process that finds it moved must forget what it read.
    sa.Column("erased_at", Position, nullable=False, server_default="0"),
)

model_roles = sa.Table(
    "model_roles",
    metadata,
    # Which model plays which part, for every process and tenant: champion, previous, canary, shadow.
    sa.Column("role", sa.String(20), primary_key=True),
    sa.Column("version", sa.String(200), nullable=False),
    sa.Column("share", sa.Double, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", sa.String(200), nullable=False),
)

item_parameters = sa.Table(
    "item_parameters",
    metadata,
    # Of no tenant, like the model: what training knew of each item of the champion.
    sa.Column("item_id", sa.String(200), primary_key=True),
    sa.Column("skill_id", sa.String(200)),
    sa.Column("num_answers", sa.Integer, nullable=False),
    sa.Column("mean_score", sa.Double),
    sa.Column("difficulty", sa.Double),
    sa.Column("discrimination", sa.Double),
    sa.Column("guessing", sa.Double),
    # Nothing in the service follows single items, so nothing fills it: gold.item_drift of the lake tells it.
    sa.Column("drift_score", sa.Double),
    sa.Column("model_version", sa.String(200), nullable=False),
    sa.Column("last_updated", UtcDateTime, nullable=False),
    sa.Index("item_parameters_by_skill", "skill_id"),
)

events = sa.Table(
    "events",
    metadata,
    # Given out by the one writer, in commit order: a reader that has seen position p has missed nothing
    # before it.
    sa.Column("position", Position, primary_key=True, autoincrement=False),
    sa.Column("tenant_id", sa.String(100), nullable=False),
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
    # Of the first sending, whatever was corrected since: a sender that tries again is still known.
    sa.Column("fingerprint", sa.String(32), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("withdrawn_at", UtcDateTime),
    sa.Index("events_by_id", "tenant_id", "event_id", unique=True),
    sa.Index("events_by_student", "tenant_id", "student_id", "answered_at", "position"),
)

event_revisions = sa.Table(
    "event_revisions",
    metadata,
    _tenant_id(),
    sa.Column("event_id", sa.String(200), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("replaced_at", UtcDateTime, nullable=False),
)

student_states = sa.Table(
    "student_states",
    metadata,
    _tenant_id(),
    sa.Column("student_id", sa.String(200), primary_key=True),
    sa.Column("model_version", sa.String(200), nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("num_answers", sa.Integer, nullable=False),
    sa.Column("last_answered_at", UtcDateTime),
    sa.Column("last_position", Position, nullable=False),
    # Where the log stood when an answer came late, was corrected or withdrawn: who has followed the answers one by
    # one must begin again when it changes.
    sa.Column("rewritten_at", Position, nullable=False, server_default="0"),
    sa.Index("students_by_last_answer", "tenant_id", "last_answered_at", "student_id"),
)

student_mastery = sa.Table(
    "student_mastery",
    metadata,
    _tenant_id(),
    sa.Column("student_id", sa.String(200), primary_key=True),
    sa.Column("skill_id", sa.String(200), primary_key=True),
    sa.Column("mastery", sa.Double, nullable=False),
    sa.Column("low", sa.Double, nullable=False),
    sa.Column("high", sa.Double, nullable=False),
    sa.Column("interaction_count", sa.Integer, nullable=False),
    sa.Column("last_answered_at", UtcDateTime),
    sa.Column("was_mastered", sa.Boolean, nullable=False),
    sa.Column("model_version", sa.String(200), nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "student_id"],
        ["student_states.tenant_id", "student_states.student_id"],
        ondelete="CASCADE",
    ),
)

student_snapshots = sa.Table(
    "student_snapshots",
    metadata,
    _tenant_id(),
    sa.Column("student_id", sa.String(200), primary_key=True),
    sa.Column("model_version", sa.String(200), primary_key=True),
    sa.Column("answered_at", UtcDateTime, primary_key=True),
    sa.Column("position", Position, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("num_answers", sa.Integer, nullable=False),
    sa.Column("skills", sa.JSON, nullable=False),
)

recommendations = sa.Table(
    "recommendations",
    metadata,
    sa.Column("decision_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(100), nullable=False),
    sa.Column("student_id", sa.String(200), nullable=False),
    sa.Column("skill", sa.String(200), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("model_version", sa.String(200), nullable=False),
    sa.Column("recommendation_type", sa.String(20), nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
    sa.Column("num_candidates", sa.Integer, nullable=False),
    sa.Column("propensity", sa.Double),
    sa.Index("recommendations_by_student", "tenant_id", "student_id", "created_at"),
)

bandit_state = sa.Table(
    "bandit_state",
    metadata,
    # Empty until there is a policy that learns: what it has learnt of all a tenant's students together, and names none.
    _tenant_id(),
    sa.Column("policy", sa.String(200), primary_key=True),
    # Arrays as safetensors, which are only numbers: a pickle would run what whoever can write here has put into it.
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

student_consents = sa.Table(
    "student_consents",
    metadata,
    _tenant_id(),
    sa.Column("student_id", sa.String(200), primary_key=True),
    sa.Column("purpose", sa.String(50), primary_key=True),
    sa.Column("given", sa.Boolean, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", sa.String(300), nullable=False),
)

lake_erasures = sa.Table(
    "lake_erasures",
    metadata,
    _tenant_id(),
    sa.Column("student_id", sa.String(200), primary_key=True),
    sa.Column("receipt_id", sa.String(32), nullable=False),
    sa.Column("erased_at", UtcDateTime, nullable=False),
)

Row = dict[str, Any]
