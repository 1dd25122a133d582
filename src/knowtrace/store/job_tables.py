"""The tables of work that is done later, and of work that is done at set times."""

import sqlalchemy as sa

from knowtrace.store.tables import UtcDateTime, metadata

tenants = sa.Table(
    "tenants",
    metadata,
    # Whoever has ever stored anything: work that is for all of them must find them, and their rows hide themselves.
    sa.Column("tenant_id", sa.String(100), primary_key=True),
)

jobs = sa.Table(
    "jobs",
    metadata,
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
    sa.Index("jobs_by_end", "tenant_id", "finished_at"),
)

job_parts = sa.Table(
    "job_parts",
    metadata,
    # What is still to do, in parts as large as a worker does at a time: one read a part, not the whole job again.
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("first_number", sa.Integer, primary_key=True),
    sa.Column("requests", sa.JSON, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id", "job_id"], ["jobs.tenant_id", "jobs.job_id"], ondelete="CASCADE"),
)

job_results = sa.Table(
    "job_results",
    metadata,
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("result", sa.JSON, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id", "job_id"], ["jobs.tenant_id", "jobs.job_id"], ondelete="CASCADE"),
)

job_queue = sa.Table(
    "job_queue",
    metadata,
    # Of no tenant, for a worker looks for the next work of all of them: which job and when, never what it is about.
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(100), nullable=False),
    sa.Column("errand", sa.String(20), nullable=False),
    sa.Column("priority", sa.String(10), nullable=False),
    sa.Column("available_at", UtcDateTime, nullable=False),
    sa.Column("turn_at", UtcDateTime, nullable=False),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("worker", sa.String(64)),
    # Since the last progress: a job on which one worker after the other dies must end.
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("job_queue_by_turn", "errand", "turn_at", "job_id"),
)

schedule_runs = sa.Table(
    "schedule_runs",
    metadata,
    # Of no tenant: schedules are the installation's. The key is what keeps a due time from being run twice.
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
