"""Jobs, the queue of all tenants' work, what ran at set times, and who the tenants are."""

import sqlalchemy as sa
from alembic import op

from knowtrace.store.row_security import isolate, share
from knowtrace.store.tables import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TENANTS_TABLES = ("job_results", "job_parts", "jobs")
SHARED_TABLES = ("job_queue", "schedule_runs", "tenants")
JOB = (["tenant_id", "job_id"], ["jobs.tenant_id", "jobs.job_id"])
HAD_TENANTS = ("events", "student_states", "recommendations", "api_keys", "audit_heads")


def upgrade() -> None:
    op.create_table("tenants", sa.Column("tenant_id", sa.String(100), primary_key=True))
    _name_tenants()
    op.create_table(
        "jobs",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("num_items", sa.Integer, nullable=False),
        sa.Column("num_done", sa.Integer, nullable=False),
        sa.Column("num_failed", sa.Integer, nullable=False),
        sa.Column("error_message", sa.String(500)),
        sa.Column("callback_url", sa.String(2000)),
        sa.Column("callback_sent_at", UtcDateTime),
        sa.Column("callback_error", sa.String(500)),
    )
    op.create_index("jobs_by_end", "jobs", ["tenant_id", "finished_at"])
    op.create_table(
        "job_parts",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("first_number", sa.Integer, primary_key=True),
        sa.Column("requests", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    )
    op.create_table(
        "job_results",
        sa.Column("tenant_id", sa.String(100), primary_key=True),
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("result", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(*JOB, ondelete="CASCADE"),
    )
    op.create_table(
        "job_queue",
        sa.Column("job_id", sa.String(32), primary_key=True),
        sa.Column("tenant_id", sa.String(100), nullable=False),
        sa.Column("errand", sa.String(20), nullable=False),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("available_at", UtcDateTime, nullable=False),
        sa.Column("turn_at", UtcDateTime, nullable=False),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("worker", sa.String(64)),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_index("job_queue_by_turn", "job_queue", ["errand", "turn_at", "job_id"])
    op.create_table(
        "schedule_runs",
        sa.Column("schedule", sa.String(40), primary_key=True),
        sa.Column("due_at", UtcDateTime, primary_key=True),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("detail", sa.String(4000), nullable=False),
        sa.Column("lease_until", UtcDateTime, nullable=False),
        sa.Column("worker", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    isolate(TENANTS_TABLES)


def _name_tenants() -> None:
    """Write down who has stored anything so far; row-level security is lifted for the owner while it is read."""
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for table in HAD_TENANTS:
        if is_postgres:
            op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(
            f"INSERT INTO tenants SELECT DISTINCT tenant_id FROM {table} "  # noqa: S608 - names of our own
            "WHERE tenant_id NOT IN (SELECT tenant_id FROM tenants)"
        )
        if is_postgres:
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    share(TENANTS_TABLES)
    for table in (*TENANTS_TABLES, *SHARED_TABLES):
        op.drop_table(table)
