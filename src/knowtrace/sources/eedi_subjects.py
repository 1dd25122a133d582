"""Eedi's tree of subjects, and which of its leaves each question is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.gathering import Gathering

NO_PARENT = ("", "NULL", "NA")
MOST_NAMED = 10

NO_LIST = "SubjectId is a list of subjects' ids, [3, 71, 98]"
UNKNOWN_SUBJECT = "every subject is in the table of subjects"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A node of the tree; the root has no parent."""

    name: str
    parent_id: str | None


def read_subjects(path: Path, gathering: Gathering) -> dict[str, Subject]:
    """Return the subjects by id; those in a circle without parents, named in a note.

    Raises: DataError when columns are missing.
    """

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    rows = column_rows(path, ("SubjectId", "Name", "ParentId"), reject)
    subjects = {
        subject_id: Subject(name=name, parent_id=None if parent in NO_PARENT else parent)
        for _, (subject_id, name, parent) in rows
    }
    circle = _in_a_circle(subjects)
    if circle:
        gathering.notes.append(
            f"{len(circle):,} subjects of {path.name} stand above themselves ({', '.join(circle[:MOST_NAMED])}): their "
            "parents are not used. Correct the table."
        )
    return subjects | {
        subject_id: Subject(name=subjects[subject_id].name, parent_id=None) for subject_id in circle
    }


def _in_a_circle(subjects: Mapping[str, Subject]) -> list[str]:
    """Return the subjects that are their own ancestors, in the table's order."""
    found: list[str] = []
    for subject_id in subjects:
        seen: set[str] = set()
        above = subjects[subject_id].parent_id
        while above is not None and above in subjects and above not in seen:
            seen.add(above)
            above = subjects[above].parent_id
        if subject_id in seen:
            found.append(subject_id)
    return found


def read_question_subjects(
    path: Path, subjects: Mapping[str, Subject], gathering: Gathering
) -> dict[str, tuple[str, ...]]:
    """Return the leaf subjects of each question. Raises: DataError when columns are missing.

    A question whose list cannot be read, or names a subject that is not in the tree, goes to quarantine.
    """

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    skills_of: dict[str, tuple[str, ...]] = {}
    for line, (question_id, text) in column_rows(path, ("QuestionId", "SubjectId"), reject):
        if not (text.startswith("[") and text.endswith("]")):
            reject(line, "SubjectId", text, NO_LIST)
            continue
        listed = [part.strip() for part in text[1:-1].split(",") if part.strip()]
        unknown = [subject_id for subject_id in listed if subject_id not in subjects]
        if unknown or not listed:
            reject(line, "SubjectId", ", ".join(unknown), UNKNOWN_SUBJECT if unknown else NO_LIST)
            continue
        skills_of[question_id] = leaves(listed, subjects)
    return skills_of


def leaves(listed: list[str], subjects: Mapping[str, Subject]) -> tuple[str, ...]:
    """Return the listed subjects that are no ancestor of another listed one, each once, in the order listed."""
    above: set[str] = set()
    for subject_id in listed:
        seen = {subject_id}
        parent = subjects[subject_id].parent_id
        while parent is not None and parent in subjects and parent not in seen:
            above.add(parent)
            seen.add(parent)
            parent = subjects[parent].parent_id
    return tuple(dict.fromkeys(subject_id for subject_id in listed if subject_id not in above))
