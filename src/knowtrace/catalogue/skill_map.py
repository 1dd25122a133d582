"""A reviewed skill map: which skill each tag of a source means, and who says so.

A CSV with the columns tag, skill, name, topic, reviewed_by, reviewed_on, note: one row a tag, any number of tags to a
skill. A row that nobody has reviewed may stand in the file, as a draft does, but it maps nothing: only a row with a
skill, a reviewer and a date counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from knowtrace.catalogue.csv_rows import read_rows, write_rows
from knowtrace.catalogue.problems import Problems

COLUMNS = ("tag", "skill", "name", "topic", "reviewed_by", "reviewed_on", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """One tag: the `skill` it means, that skill's `name` and `topic`, and its review (an ISO date); "" is unknown."""

    tag: str
    skill: str = ""
    name: str = ""
    topic: str = ""
    reviewed_by: str = ""
    reviewed_on: str = ""
    note: str = ""

    @property
    def is_reviewed(self) -> bool:
        return bool(self.skill and self.reviewed_by and self.reviewed_on)


@dataclass(frozen=True, kw_only=True)
class SkillMap:
    """The rows of a map file, each tag once."""

    rows: tuple[MapRow, ...]

    @cached_property
    def skill_of(self) -> Mapping[str, str]:
        """The skill of each reviewed tag."""
        return {row.tag: row.skill for row in self.rows if row.is_reviewed}

    @cached_property
    def unreviewed(self) -> tuple[str, ...]:
        """The tags that wait for a person."""
        return tuple(row.tag for row in self.rows if not row.is_reviewed)

    @cached_property
    def skill_names(self) -> Mapping[str, str]:
        return {row.skill: row.name for row in self.rows if row.is_reviewed and row.name}

    @cached_property
    def topics(self) -> Mapping[str, str]:
        """The topic of each skill that has one."""
        return {row.skill: row.topic for row in self.rows if row.is_reviewed and row.topic}


def read_skill_map(path: Path) -> SkillMap:
    """Read a map file.

    Raises: DataError naming every row that breaks a rule, with its line and value.
    """
    problems = Problems(path.name)
    rows: list[tuple[int, MapRow]] = [
        (line, MapRow(**cells)) for line, cells in read_rows(path, COLUMNS, problems)
    ]
    _check_tags(rows, problems)
    _check_reviews(rows, problems)
    for field, words in (("name", "one name"), ("topic", "one topic")):
        _check_agreement(rows, field, words, problems)
    problems.raise_any("Correct these rows, or clear their review to keep them as drafts.")
    return SkillMap(rows=tuple(row for _, row in rows))


def write_skill_map(skill_map: SkillMap, path: Path) -> None:
    """Write a map file. Raises: DataError when it cannot be written."""
    write_rows(path, COLUMNS, (astuple(row) for row in skill_map.rows))


def _check_tags(rows: Iterable[tuple[int, MapRow]], problems: Problems) -> None:
    first_line: dict[str, int] = {}
    for line, row in rows:
        if not row.tag:
            problems.add(f"line {line}, tag", row.tag, "every row names its tag")
        elif row.tag in first_line:
            problems.add(
                f"line {line}, tag", row.tag, f"a tag has one row, and line {first_line[row.tag]} is its"
            )
        else:
            first_line[row.tag] = line


def _check_reviews(rows: Iterable[tuple[int, MapRow]], problems: Problems) -> None:
    for line, row in rows:
        if row.reviewed_on and not is_date(row.reviewed_on):
            problems.add(f"line {line}, reviewed_on", row.reviewed_on, "a review has a date, as 2026-11-21")
        if bool(row.reviewed_by) != bool(row.reviewed_on):
            missing = "reviewed_on" if row.reviewed_by else "reviewed_by"
            problems.add(f"line {line}, {missing}", "", "a review names the person and the day")
        if (row.reviewed_by or row.reviewed_on) and not row.skill:
            problems.add(f"line {line}, skill", "", f"a reviewed tag ({row.tag}) has a skill")


def _check_agreement(rows: Iterable[tuple[int, MapRow]], field: str, words: str, problems: Problems) -> None:
    first: dict[str, tuple[int, str]] = {}
    for line, row in rows:
        value: str = getattr(row, field)
        if not row.is_reviewed or not value:
            continue
        first_line, first_value = first.setdefault(row.skill, (line, value))
        if value != first_value:
            rule = f"a skill ({row.skill}) has {words}, and line {first_line} says {first_value!r}"
            problems.add(f"line {line}, {field}", value, rule)


def is_date(text: str) -> bool:
    """Return whether a text is a day as 2026-11-21."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
