"""Who did what."""

from datetime import datetime

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, get


class AuditLine(Answer):
    """One deed; `object_hash` tells whether two lines are about one thing, not what it is."""

    sequence: int
    at: datetime
    subject: str
    role: str
    action: str
    object_hash: str
    outcome: str
    request_id: str
    previous_hash: str
    hash: str


class AuditPage(Answer):
    """Lines from the newest back; `next_before` is None on the last page."""

    lines: list[AuditLine]
    next_before: int | None


def read(*, limit: int | None = None, before: int | None = None, about: str | None = None) -> Call[AuditPage]:
    """Read the audit log, all of it or the lines about one thing, such as `event:e1`."""
    return get("/api/v1/audit", AuditPage, limit=limit, before=before, object=about)
