"""EDM Cup's tables beside the clicks: whose assignment it was, and what each problem is about."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.gathering import Gathering
from knowtrace.standards.cells import NO_STUDENT

ASSIGNMENT_COLUMNS = ("assignment_log_id", "student_id", "assignment_start_time")
PROBLEM_COLUMNS = ("problem_id", "problem_skill_code")
NO_SKILL = ("", "NA", "nan", "NULL")


class Assignment(NamedTuple):
    """One student's work on one assignment."""

    student_id: str
    start_time: str


def find_table(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first table of these names in the folder, plain or gzip."""
    places = [folder / f"{name}{ending}" for name in names for ending in (".csv", ".csv.gz")]
    return next((place for place in places if place.is_file()), None)


def read_assignments(path: Path, wanted: Collection[str], gathering: Gathering) -> dict[str, Assignment]:
    """Return the `wanted` assignments: the table holds fifteen times as many as there are clicks for.

    Raises: DataError when columns are missing.
    """

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    assignments: dict[str, Assignment] = {}
    for line, (assignment_id, student_id, start_time) in column_rows(path, ASSIGNMENT_COLUMNS, reject):
        if assignment_id not in wanted:
            continue
        if student_id:
            assignments[assignment_id] = Assignment(student_id, start_time)
        else:
            reject(line, "student_id", "", NO_STUDENT)
    return assignments


def read_problems(path: Path, gathering: Gathering) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the skills of each problem and the skills' names. Raises: DataError when columns are missing."""

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    skills_of: dict[str, tuple[str, ...]] = {}
    names: dict[str, str] = {}
    rows = column_rows(path, PROBLEM_COLUMNS, reject, optional=("problem_skill_description",))
    for _, (problem_id, skill, description) in rows:
        skills_of[problem_id] = () if skill in NO_SKILL else (skill,)
        if description and skill not in NO_SKILL:
            names.setdefault(skill, description)
    return skills_of, names
