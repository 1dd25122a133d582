"""Students by how lately they answered."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlencode

from knowtrace.store import Students, StudentSummary

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
            given = datetime.fromisoformat(before)
            at = given.astimezone(UTC) if given.tzinfo else None
        except (ValueError, OverflowError):
            at = None
        is_place = at is not None and student_id.isprintable()
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


async def most_recent(students: Students, search: Search) -> Page:
    """Return one page of students, those who answered last first."""
    found = await students.most_recent(limit=PAGE_SIZE + 1, text=search.text, after=search.after)
    page = found[:PAGE_SIZE]
    if len(found) <= PAGE_SIZE:
        return Page(students=page, next=None)
    last = page[-1]
    assert last.last_answered_at is not None, "students without a time are not found"
    return Page(students=page, next=Search(text=search.text, after=(last.last_answered_at, last.student_id)))
