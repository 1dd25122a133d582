"""Lines of the audit log as they are listed."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from knowtrace.service.fields import Id, Query


class AuditQuery(Query):
    """Which lines: before a sequence number, about one object such as `event:e1` or `key:0123456789abcdef`."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    object: Id | None = None


class AuditLineOut(BaseModel):
    """One deed. `object_hash` tells whether two lines are about one thing, not what it is."""

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


class AuditOut(BaseModel):
    """Lines from the newest back; `next_before` is null on the last page."""

    lines: list[AuditLineOut]
    next_before: int | None
