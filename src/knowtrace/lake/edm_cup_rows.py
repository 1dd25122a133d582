"""EDM Cup's tables row by row as they were written; whose row it is, the table of assignments says."""

from collections.abc import Container, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from knowtrace.lake.arrow import Rows, arrow_schema
from knowtrace.lake.bronze_tables import (
    RAW_ACTION_LOGS,
    RAW_ASSIGNMENT_DETAILS,
    RAW_ASSIGNMENT_RELATIONSHIPS,
    RAW_PROBLEM_DETAILS,
)
from knowtrace.lake.student_files import Rejected
from knowtrace.lake.tables import Table
from knowtrace.sources.edm_cup_tables import find_table
from knowtrace.sources.lines import numbered_lines, opened
from knowtrace.sources.records import TOO_LONG, Reject, header_of, records

EDM_CUP = "EDM Cup 2023"
"""The format's name, as its loader gives it."""

ROWS_AT_ONCE = 50_000
"""A row takes many times as much memory as a dictionary than in a column."""

BESIDE = (
    (RAW_ASSIGNMENT_DETAILS, "assignment_details"),
    (RAW_ASSIGNMENT_RELATIONSHIPS, "assignment_relationships"),
    (RAW_PROBLEM_DETAILS, "problem_details"),
)

ASSIGNMENTS: Mapping[str, tuple[str, ...]] = {
    RAW_ACTION_LOGS.name: ("assignment_log_id",),
    RAW_ASSIGNMENT_RELATIONSHIPS.name: ("unit_test_assignment_log_id", "in_unit_assignment_log_id"),
}
"""The columns that name an assignment. Problems are nobody's."""


def tables_at(path: Path, contents: Path | None) -> list[tuple[Table, Path]]:
    """Return EDM Cup's tables at a path, action_logs or its folder, and the file of each."""
    is_file = path.is_file()
    logs = path if is_file else find_table(path, ("action_logs",))
    folder = contents or (path.parent if is_file else path)
    found = [(table, find_table(folder, (name,))) for table, name in BESIDE]
    return [(table, file) for table, file in [(RAW_ACTION_LOGS, logs), *found] if file is not None]


def raw_rows(table: Table, path: Path, rejected: list[Rejected]) -> Rows:
    """Return the rows of a file, without `loaded_at`. Raises: DataError when it is no text.

    Rows that are none are added to `rejected`, but for those of tables that the loader reads and has told of.
    """

    def reject(line: int, column: str, value: str, rule: str) -> None:
        if table is RAW_ASSIGNMENT_RELATIONSHIPS:
            rejected.append(Rejected(file=path.name, line=line, column=column, value=value[:200], rule=rule))

    schema = arrow_schema(table)
    schema = schema.remove(schema.get_field_index("loaded_at"))
    found = _records(table, path, reject)
    parts = iter(lambda: list(islice(found, ROWS_AT_ONCE)), [])
    return pa.Table.from_batches([pa.RecordBatch.from_pylist(part, schema) for part in parts], schema)


def assignments_of(details: Rows, students: Container[str]) -> set[str]:
    """Return the assignments of some students, by rows of raw_assignment_details."""
    pairs = zip(details["assignment_log_id"].to_pylist(), details["student_id"].to_pylist(), strict=True)
    return {assignment_id for assignment_id, student_id in pairs if student_id in students}


def others_rows(table: Table, rows: Rows, assignments: set[str], students: Container[str]) -> list[bool]:
    """Return for each row whether it is another's than these students', whose assignments are given."""
    if table is RAW_ASSIGNMENT_DETAILS:
        return [student_id not in students for student_id in rows["student_id"].to_pylist()]
    columns = ASSIGNMENTS.get(table.name, ())
    if not columns:
        return [True] * rows.num_rows
    named = zip(*(rows[name].to_pylist() for name in columns), strict=True)
    return [assignments.isdisjoint(cells) for cells in named]


def _records(table: Table, path: Path, reject: Reject) -> Iterator[dict[str, Any]]:
    named = [
        name for name in table.column_names if name not in ("source_file", "line", "others", "loaded_at")
    ]
    with opened(path) as stream:
        lines = numbered_lines(stream, lambda number, line: reject(number, "", line, TOO_LONG))
        delimiter, header = header_of(next((line for _, line in lines if line.strip()), ""))
        for line, cells in records(lines, delimiter, header, reject):
            row = dict(zip(header, cells, strict=True))
            known = {name: row.pop(name, "").strip() for name in named}
            yield {
                "source_file": path.name,
                "line": line,
                **known,
                "others": orjson.dumps(row).decode() if row else "",
            }
