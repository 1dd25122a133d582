"""Answers that a source corrects or takes back by their ids: what is written last is what counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from knowtrace.standards.cells import BadCellError

NO_EVENT = "what is withdrawn is named by its event_id"
NOT_WITHDRAWN = "withdrawn is true or false"
YES, NO = ("true", "t", "yes", "1"), ("", "false", "f", "no", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A student's answer, by the source's own id of it, that the source takes back, and where it says so."""

    student_id: str
    event_id: str
    file: str
    line: int


def is_withdrawn(text: str, event_id: str, columns: Mapping[str, str]) -> bool:
    """Return what a cell says. Raises: BadCellError when it says neither, or names no answer."""
    if text.lower() not in YES + NO:
        raise BadCellError(columns["withdrawn"], text, NOT_WITHDRAWN)
    if text.lower() in YES and not event_id:
        raise BadCellError(columns["event"], "", NO_EVENT)
    return text.lower() in YES
