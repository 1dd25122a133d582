"""The tables of what other systems send in the standards' words, and of what is sent to them."""

import sqlalchemy as sa

from knowtrace.store.tables import Position, UtcDateTime, metadata

learning_records = sa.Table(
    "learning_records",
    metadata,
    # xAPI's statements and Caliper's events by their ids: what has come already, and with which content.
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("standard", sa.String(20), primary_key=True),
    sa.Column("record_id", sa.String(200), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("student_id", sa.String(200)),
    # The statement that is voided, or the attempt that is completed or graded.
    sa.Column("about_id", sa.String(200)),
    # Only of the halves of an answer, of which the other one may come later.
    sa.Column("body", sa.JSON(none_as_null=True)),
    sa.Column("stored_at", UtcDateTime, nullable=False),
    sa.Index("learning_records_by_about", "tenant_id", "standard", "about_id"),
    sa.Index("learning_records_by_student", "tenant_id", "student_id"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("webhook_id", sa.String(32), primary_key=True),
    sa.Column("url", sa.String(2000), nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("disabled_at", UtcDateTime),
)

outbox = sa.Table(
    "outbox",
    metadata,
    # In the order of commits: one writes at a time.
    sa.Column("sequence", Position, sa.Identity(), primary_key=True),
    sa.Column("tenant_id", sa.String(100), nullable=False),
    sa.Column("message_id", sa.String(32), nullable=False),
    # Whom it is for: a webhook, or the stream.
    sa.Column("destination", sa.String(32), nullable=False),
    sa.Column("lane", sa.String(32), nullable=False),
    sa.Column("student_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("available_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("dead_at", UtcDateTime),
    sa.Column("last_error", sa.String(500)),
    sa.Index("outbox_by_lane", "tenant_id", "lane", "sequence"),
    sa.Index("outbox_by_destination", "tenant_id", "destination", "dead_at"),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    # Which tenants have webhooks, for every process to know: nothing of what is in them.
    sa.Column("tenant_id", sa.String(100), primary_key=True),
    sa.Column("webhook_id", sa.String(32), primary_key=True),
    sa.Column("kinds", sa.JSON, nullable=False),
)

standing_alerts = sa.Table(
    "standing_alerts",
    metadata,
    # Of no tenant: what is wrong with the installation, and when a process last saw it, so that it is told once.
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("model_version", sa.String(200), primary_key=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

delivery_lanes = sa.Table(
    "delivery_lanes",
    metadata,
    # Where messages wait: one lane for each student and destination, named by a hash. Who delivers holds it until
    # `lease_until`, so that the messages of one student stay in order.
    sa.Column("lane", sa.String(32), primary_key=True),
    sa.Column("tenant_id", sa.String(100), nullable=False),
    sa.Column("destination", sa.String(32), nullable=False),
    sa.Column("available_at", UtcDateTime, nullable=False),
    sa.Column("lease_until", UtcDateTime),
    sa.Index("delivery_lanes_by_time", "available_at"),
)
