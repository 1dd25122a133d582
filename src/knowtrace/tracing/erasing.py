"""Take a student out of the log and of everything that was made of it, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from knowtrace.store import Deed, LakeErasure, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A student who is to be erased; `deed` says by whom, `lake` what the lake has to do then, if anything."""

    tenant_id: str
    student_id: str
    deed: Deed
    lake: LakeErasure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did: rows deleted by table, and the audit line that says so, as `sequence:hash`.

    `position` is where it moved the log's head, `before` what `Session.erased_at` said until then.
    """

    at: datetime
    position: int
    before: int
    rows: Mapping[str, int]
    audit_line: str


async def erase(transaction: Transaction, erasure: Erasure) -> Erased:
    """Delete every row of a student and move the log's head, so that no process goes on remembering them."""
    now = datetime.now(UTC)
    head, before = transaction.head + 1, transaction.erased_at
    session = await transaction.of(erasure.tenant_id)
    rows = await session.erasures.erase(erasure.student_id)
    if erasure.lake is not None:
        await session.erasures.await_lake(erasure.lake, at=now)
    line = await session.audit.append(erasure.deed, at=now)
    await transaction.note_erasure(head)
    return Erased(at=now, position=head, before=before, rows=rows, audit_line=f"{line.sequence}:{line.hash}")
