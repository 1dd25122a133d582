"""The atom of everything: one graded answer of one student to one item."""

from dataclasses import dataclass
from datetime import datetime

UNKNOWN_TIME = -1.0
"""Stands for seconds that nobody recorded, where a number is needed."""

SITTING_SECONDS = 1_800.0
"""Answers less than this apart are of one sitting, where nobody recorded how long an answer took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One graded answer of one student to one item.

    `response` is a category 0..K-1; a binary item uses 0 = wrong, 1 = right. `answered_at` is aware UTC, or
    None when the source keeps only the order of answers. `elapsed_seconds` is the time spent on this item.
    Consecutive answers of one student with one `container_id` were given together: none was known before another.
    """

    student_id: str
    item_id: str
    skill_ids: tuple[str, ...]
    response: int
    answered_at: datetime | None = None
    elapsed_seconds: float | None = None
    hints_used: int | None = None
    attempt: int | None = None
    session_id: str | None = None
    container_id: str | None = None


def given_together(earlier: Interaction | None, later: Interaction) -> bool:
    """Return whether an answer and the one before it were given together: neither was known before the other."""
    return (
        earlier is not None and later.container_id is not None and later.container_id == earlier.container_id
    )


def lag_to_asking(
    last: datetime | None, answered_at: datetime | None, elapsed_seconds: float | None
) -> float:
    """Return the seconds from a student's last answer to the moment the next item was asked, or UNKNOWN_TIME.

    The time spent on an item is not known when it is asked, and tells much of the answer: it is not part of the lag.
    Where it was not recorded, a lag within SITTING_SECONDS counts as none.
    """
    if last is None or answered_at is None:
        return UNKNOWN_TIME
    seconds = (answered_at - last).total_seconds()
    if elapsed_seconds is None:
        return seconds if seconds >= SITTING_SECONDS else 0.0
    return max(seconds - elapsed_seconds, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """One row that is not an interaction: where it stands, the offending value, and the rule it breaks."""

    file: str
    line: int
    column: str
    value: str
    rule: str
