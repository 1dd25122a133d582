"""The audit log: each line carries the hash of the one before, so that no line can be altered unnoticed."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.access_tables import audit_heads, audit_log
from knowtrace.store.dialect import upsert

FIRST = "0" * 64
"""What the first line names as the hash before it."""

PAGE = 1_000
MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody did. `object` names what it was done to, as `kind:id`; only its hash is kept."""

    subject: str
    role: str
    action: str
    object: str
    outcome: str = "done"
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One line of a tenant's log. `hash` covers every other field and, by `previous_hash`, every line before."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What `verify` found. `head` is `sequence:hash`, to be kept elsewhere and compared one day."""

    num_lines: int
    head: str
    problems: tuple[str, ...]


class AuditLog:
    """Appends to and checks one tenant's log on one open connection; commits nothing itself.

    With a key, hashes are HMACs: who can write to the database but has no key cannot forge a line. Without one
    they only show carelessness.
    """

    def __init__(self, connection: AsyncConnection, tenant_id: str, key: bytes) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._key = key

    async def append(self, deed: Deed, *, at: datetime | None = None) -> AuditLine:
        """Write a line; it is there if and only if the transaction of the deed is committed."""
        sequence, previous_hash = await self._end()
        line = AuditLine(
            sequence=sequence + 1,
            at=at or datetime.now(UTC),
            subject=deed.subject,
            role=deed.role,
            action=deed.action,
            object_hash=self.object_hash(deed.object),
            outcome=deed.outcome,
            request_id=deed.request_id,
            previous_hash=previous_hash,
            hash="",
        )
        values = {field.name: getattr(line, field.name) for field in fields(line)}
        values["hash"] = self._hash_of(line)
        await self._connection.execute(sa.insert(audit_log), {"tenant_id": self._tenant_id, **values})
        head = {
            "tenant_id": self._tenant_id,
            "sequence": line.sequence,
            "hash": values["hash"],
            "seal": self._seal(line.sequence, values["hash"]),
        }
        await upsert(self._connection, audit_heads, [head])
        return AuditLine(**values)

    async def newest(
        self, *, limit: int, before: int | None = None, object_hash: str | None = None
    ) -> list[AuditLine]:
        """Return lines from the newest back, those before a sequence number, those about one object."""
        c = audit_log.c
        lines = self._lines().order_by(c.sequence.desc()).limit(limit)
        if before is not None:
            lines = lines.where(c.sequence < before)
        if object_hash is not None:
            lines = lines.where(c.object_hash == object_hash)
        return [_line(row) for row in (await self._connection.execute(lines)).mappings()]

    async def verify(self, *, expected_head: str | None = None) -> AuditReport:
        """Check every line: none edited, dropped, added or moved, and none missing at the end.

        `expected_head` is a head that an earlier report gave: the line must still be there.
        """
        problems: list[str] = []
        previous, sequence, num_lines = FIRST, 0, 0
        expected = expected_head.partition(":") if expected_head else None
        is_expected_there = expected is None
        async for line in self._in_order():
            num_lines += 1
            if line.sequence != sequence + 1:
                problems.append(f"Lines {sequence + 1} to {line.sequence - 1} are missing.")
            elif line.previous_hash != previous:
                problems.append(
                    f"Line {line.sequence} does not follow line {sequence}: one of them was replaced."
                )
            if not hmac.compare_digest(line.hash, self._hash_of(line)):
                problems.append(f"Line {line.sequence} was edited: its hash is not that of its content.")
            if expected and (str(line.sequence), line.hash) == (expected[0], expected[2]):
                is_expected_there = True
            previous, sequence = line.hash, line.sequence
        problems += await self._problems_at_the_end(sequence, previous)
        if not is_expected_there:
            problems.append(f"No line is {expected_head}, which an earlier report gave as the last one.")
        return AuditReport(
            num_lines=num_lines, head=f"{sequence}:{previous}", problems=tuple(problems[:MOST_PROBLEMS])
        )

    def object_hash(self, name: str) -> str:
        return self._digest(["object", self._tenant_id, name])

    async def _problems_at_the_end(self, sequence: int, last_hash: str) -> list[str]:
        head = (await self._connection.execute(self._head())).first()
        if head is None:
            return (
                [f"The note of where the log ends is gone; the last line found is {sequence}."]
                if sequence
                else []
            )
        if not hmac.compare_digest(head.seal, self._seal(head.sequence, head.hash)):
            return ["The note of where the log ends was edited."]
        if (head.sequence, head.hash) != (sequence, last_hash):
            return [f"The log should end with line {head.sequence}; the last one found is {sequence}."]
        return []

    async def _end(self) -> tuple[int, str]:
        head = (await self._connection.execute(self._head())).first()
        if head is not None and hmac.compare_digest(head.seal, self._seal(head.sequence, head.hash)):
            return head.sequence, head.hash
        # Somebody has removed or altered the note of the end, and perhaps lines before it: a line that follows none
        # of those that are left makes `verify` say so for ever.
        last = await self.newest(limit=1)
        return (last[0].sequence if last else 0), FIRST

    async def _in_order(self) -> AsyncIterator[AuditLine]:
        after = 0
        while True:
            page = (
                self._lines().where(audit_log.c.sequence > after).order_by(audit_log.c.sequence).limit(PAGE)
            )
            lines = [_line(row) for row in (await self._connection.execute(page)).mappings()]
            for line in lines:
                yield line
            if len(lines) < PAGE:
                return
            after = lines[-1].sequence

    def _lines(self) -> sa.Select[tuple[object, ...]]:
        columns = (column for column in audit_log.c if column is not audit_log.c.tenant_id)
        return sa.select(*columns).where(audit_log.c.tenant_id == self._tenant_id)

    def _head(self) -> sa.Select[tuple[object, ...]]:
        return sa.select(audit_heads).where(audit_heads.c.tenant_id == self._tenant_id)

    def _hash_of(self, line: AuditLine) -> str:
        content = [getattr(line, field.name) for field in fields(line) if field.name not in {"at", "hash"}]
        return self._digest(["line", self._tenant_id, line.at.astimezone(UTC).isoformat(), *content])

    def _seal(self, sequence: int, last_hash: str) -> str:
        return self._digest(["end", self._tenant_id, sequence, last_hash])

    def _digest(self, content: list[object]) -> str:
        written = orjson.dumps(content)
        if self._key:
            return hmac.new(self._key, written, hashlib.sha256).hexdigest()
        return hashlib.sha256(written).hexdigest()


def _line(row: sa.RowMapping) -> AuditLine:
    return AuditLine(**row)
