"""A wide table: one row per student, one column per item, perhaps a column of counts. Nothing is interpreted here."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowtrace.errors import DataError
from knowtrace.sources.formats import knows_columns
from knowtrace.sources.json_values import starts_as_json
from knowtrace.sources.layout import PLAIN_NAMES, plain_layout
from knowtrace.sources.line_text import LINES_TO_LOOK_AT, lines_per_student
from knowtrace.sources.lines import first_lines, numbered_lines, opened
from knowtrace.sources.records import header_of, records

COUNT_NAMES = ("count", "freq", "frequency")
STUDENT_NAMES = (*PLAIN_NAMES["student"], "person", "id", "rownames")
EMPTY = frozenset({"", "na", "nan", "n/a", ".", "null"})


@dataclass(frozen=True, kw_only=True, eq=False)
class WideTable:
    """Numbers of a wide table: `values` (N, I), NaN for an empty cell; `counts` (N,) students behind each row."""

    name: str
    items: tuple[str, ...]
    students: tuple[str, ...]
    values: NDArray[np.float64]
    counts: NDArray[np.float64]


def is_wide_table(path: Path) -> bool:
    """Return whether a file is none of the formats with one answer per row or per line."""
    if path.is_dir() or starts_as_json(path):
        return False
    lines = first_lines(path, LINES_TO_LOOK_AT)
    if lines_per_student(lines) is not None:
        return False
    _, header = header_of(lines[0])
    if knows_columns(header):
        return False
    try:
        plain_layout(path, header)
    except DataError:
        return True
    return False


def read_wide_table(
    path: Path, *, items: Sequence[str] | None = None, drop: Sequence[str] | None = None
) -> WideTable:
    """Read a delimited file, plain or gzip, whose first line names the columns.

    `items` are the columns to take, all when left out; `drop` those to leave. Both are names or patterns ("solved.*").
    A column called count, freq or frequency (in any case) counts the students of a row; one called student_id, id and
    the like names them. Empty cells and NA are no answer.
    Raises: DataError naming the columns found for a pattern without one; every column with a cell that is no number,
    with line and value; and rows that do not have the header's width.
    """
    lines = first_lines(path, 1)
    delimiter, header = header_of(lines[0])
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path.name} has the column {repeated[0]!r} twice: rename one of them.")
    roles = {name.lower(): name for name in header}
    count = next((roles[name] for name in COUNT_NAMES if name in roles), None)
    student = next((roles[name] for name in STUDENT_NAMES if name in roles), None)
    chosen = _chosen(path, header, items, drop, {count, student})
    numbers, rows = _rows(path, delimiter, header)
    wanted = [*chosen, *([count] if count is not None else [])]
    values = _numbers(path, header, wanted, numbers, rows)
    counts = values[:, -1] if count is not None else np.ones(len(rows))
    place = header.index(student) if student is not None else None
    students = tuple(str(n) if place is None else row[place] for n, row in zip(numbers, rows, strict=True))
    return WideTable(
        name=path.name,
        items=tuple(chosen),
        students=students,
        values=values[:, : len(chosen)],
        counts=np.nan_to_num(counts, nan=-1.0),
    )


def write_answers(table: WideTable, path: Path) -> int:
    """Write a row per answer, in the order of the columns, as every reader of answers takes it; return how many.

    Raises: DataError when rows stand for several students, or a cell holds no category.
    """
    if (table.counts != 1).any():
        raise DataError(
            f"{table.name} counts students: a row of it has no history of its own. `knowtrace irt` reads such a table."
        )
    values = table.values
    bad = ~np.isnan(values) & ~(np.isfinite(values) & (values >= 0) & (values == np.floor(values)))
    if bad.any():
        columns = np.flatnonzero(bad.any(0))
        found = ", ".join(f"{table.items[i]} ({values[bad[:, i], i][0]:g})" for i in columns[:5])
        raise DataError(
            f"{table.name} holds what is no category 0, 1, 2 … in {found}: leave such columns out with --drop."
        )
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("student_id", "item_id", "response"))
        for student, row in zip(table.students, values, strict=True):
            writer.writerows(
                (student, item, int(value))
                for item, value in zip(table.items, row, strict=True)
                if not np.isnan(value)
            )
    return int((~np.isnan(values)).sum())


def _chosen(
    path: Path,
    header: list[str],
    items: Sequence[str] | None,
    drop: Sequence[str] | None,
    others: set[str | None],
) -> list[str]:
    for option, patterns in (("--items", items or ()), ("--drop", drop or ())):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in header):
                raise DataError(
                    f"{path.name} has no column {pattern!r} for {option}: it has {', '.join(header)[:500]}."
                )
    taken = [
        name
        for name in header
        if (any(fnmatchcase(name, pattern) for pattern in items) if items else name not in others)
        and not any(fnmatchcase(name, pattern) for pattern in drop or ())
    ]
    if not taken:
        raise DataError(f"{path.name} has no item columns left of {', '.join(header)[:500]}: drop fewer.")
    return taken


def _rows(path: Path, delimiter: str, header: list[str]) -> tuple[list[int], list[list[str]]]:
    wrong: list[str] = []
    with opened(path) as stream:
        walk = numbered_lines(stream, lambda number, _: wrong.append(f"line {number} is too long"))
        found = list(
            records(walk, delimiter, header, lambda number, *said: wrong.append(f"line {number}: {said[-1]}"))
        )
    if wrong:
        raise DataError(f"{path.name}, {wrong[0]} ({len(wrong)} such rows): correct or remove them.")
    if len(found) < 2:
        raise DataError(f"{path.name} has a header and no row below it: give a table with answers.")
    return [number for number, _ in found[1:]], [fields for _, fields in found[1:]]


def _numbers(
    path: Path, header: list[str], wanted: list[str], numbers: list[int], rows: list[list[str]]
) -> NDArray[np.float64]:
    values = np.full((len(rows), len(wanted)), np.nan)
    problems: list[str] = []
    for place, name in enumerate(wanted):
        column = header.index(name)
        for row, fields in enumerate(rows):
            text = fields[column].strip()
            if text.lower() in EMPTY:
                continue
            try:
                values[row, place] = float(text)
            except ValueError:
                problems.append(f"{name} (line {numbers[row]}: {text[:40]!r})")
                break
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        names = ",".join(problem.split(" (line ")[0] for problem in problems[:5])
        raise DataError(
            f"{path.name}: not numbers in {'; '.join(problems[:5])}{more}. An item column holds categories 0, 1, 2 …; "
            f"leave out the others: --drop '{names}', or name the items: --items 'a,b,c'."
        )
    return values
