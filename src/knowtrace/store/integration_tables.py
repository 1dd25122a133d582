"""The tables of what other systems send in the standards' words."""

import sqlalchemy as sa

from knowtrace.store.tables import UtcDateTime, metadata

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
