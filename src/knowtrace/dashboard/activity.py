"""Students by how lately they answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store import StudentSummary
from knowtrace.store.tables import student_states

PAGE_SIZE = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What the list shows: ids that hold `text`, from the student behind `after` on, the latest first."""

    text: str = ""
    after: tuple[datetime, str] | None = None

    @classmethod
    def read(cls, *, text: str, before: str, student_id: str) -> Self:
        """Read a search from a query string; a place that is not one of ours means the list's beginning."""
        try:
            at = datetime.fromisoformat(before)
        except ValueError:
            at = None
        is_place = at is not None and at.tzinfo is not None and student_id.isprintable()
        text = "".join(letter for letter in text if letter.isprintable()).strip()[:200]
        return cls(text=text, after=(at, student_id) if at and is_place else None)

    @property
    def query(self) -> str:
        place = {"before": self.after[0].isoformat(), "student": self.after[1]} if self.after else {}
        return urlencode({**({"search": self.text} if self.text else {}), **place})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    students: list[StudentSummary]
    next: Search | None


async def most_recent(connection: AsyncConnection, search: Search) -> Page:
    """Return one page of students, those who answered last first."""
    c = student_states.c
    mine = sa.select(c.student_id, c.num_answers, c.last_answered_at).where(c.last_answered_at.is_not(None))
    if search.text:
        mine = mine.where(sa.func.lower(c.student_id).contains(search.text.lower(), autoescape=True))
    if search.after:
        at, student_id = search.after
        behind = sa.and_(c.last_answered_at == at, c.student_id > student_id)
        mine = mine.where(sa.or_(c.last_answered_at < at, behind))
    found = await connection.execute(
        mine.order_by(c.last_answered_at.desc(), c.student_id).limit(PAGE_SIZE + 1)
    )
    students = [StudentSummary(**row) for row in found.mappings()]
    page = students[:PAGE_SIZE]
    if len(students) <= PAGE_SIZE:
        return Page(students=page, next=None)
    last = page[-1]
    assert last.last_answered_at is not None, "students without a time are left out above"
    return Page(students=page, next=Search(text=search.text, after=(last.last_answered_at, last.student_id)))
