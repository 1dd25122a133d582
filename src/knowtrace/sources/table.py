"""A table with one answer per row, whatever its columns are called.

Plain names are recognised; `columns={"item": "problem"}` names the others. Where the table has no item, its
skill is the item. Several skills of one answer stand in one cell, joined by ";", or in rows of their own.
"""

from collections.abc import Mapping
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import Gathering
from knowtrace.sources.layout import Layout
from knowtrace.sources.lines import numbered_lines, opened
from knowtrace.sources.records import header_of, records
from knowtrace.sources.scale import Responses
from knowtrace.sources.table_rows import RowReader


def read_table(
    path: Path,
    layout: Layout,
    *,
    responses: Responses | None = None,
    categories: int | None = None,
    skill_names: Mapping[str, str] | None = None,
) -> Dataset:
    """Read a delimited file by its layout. Raises: DataError when it cannot be read or holds no answer."""
    response_column = layout.columns.get("correct") or layout.columns["response"]
    gathering = Gathering(
        name=path.name,
        format=layout.format,
        response_column=response_column,
        is_binary=layout.is_binary,
        is_one_answer_per_position=layout.is_one_answer_per_position,
        notes=list(layout.notes),
    )
    rows = RowReader(path.name, layout, gathering)
    with opened(path) as stream:
        rows.read_all(stream)
    return gathering.settle(
        responses=responses or layout.responses,
        categories=categories,
        splits=_splits_of_students(rows.splits, gathering.notes),
        skill_names={**rows.skill_names, **(skill_names or {})},
    )


def _splits_of_students(pairs: set[tuple[str, str]], notes: list[str]) -> dict[str, str]:
    """Return each student's split, or none at all when it is not a split by student."""
    splits = {student: split for student, split in pairs if split}
    if len(splits) < len(pairs):
        notes.append("The split column is not one split per student: ignored.")
        return {}
    return splits


def read_skill_names(path: Path) -> dict[str, str]:
    """Return names from a table with the columns skill_id and skill_name; none when it is another table."""
    with opened(path) as stream:
        lines = numbered_lines(stream, lambda _number, _line: None)
        delimiter, names = header_of(next((line for _, line in lines), ""))
        if not {"skill_id", "skill_name"} <= set(names):
            return {}
        id_at, name_at = names.index("skill_id"), names.index("skill_name")
        rows = records(lines, delimiter, names, lambda *_: None)
        named = ((cells[id_at].strip(), cells[name_at].strip()) for _, cells in rows)
        return {skill_id: name for skill_id, name in named if name}
