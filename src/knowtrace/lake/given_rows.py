"""A Parquet or CSV file that others wrote, as rows of one table of the lake, or all that is wrong with it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import csv, parquet

from knowtrace.catalogue.problems import Problems
from knowtrace.errors import DataError
from knowtrace.lake.arrow import ARROW_TYPES, Rows, arrow_schema
from knowtrace.lake.tables import Column, Table

SHOWN_PER_RULE = 3

Cell = tuple[int, Any]
"""A row of the file, from 1, and what stands in it."""


def read_given(path: Path) -> Rows:
    """Return a file's rows: of CSV as texts, an empty cell null. Raises: DataError when it is neither."""
    try:
        with path.open("rb") as stream:
            if stream.read(4) == b"PAR1":
                return parquet.ParquetFile(path).read()
            stream.seek(0)
            names = csv.open_csv(stream).schema.names
        texts = csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        )
        return csv.read_csv(path, convert_options=texts)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as Parquet or CSV ({error}): give one with a header."
        ) from None


def shaped_as(table: Table, given: Rows, problems: Problems) -> Rows:
    """Return rows with a table's columns and types; what breaks a column's rule is added to the problems."""
    for name in sorted({*given.column_names} - {*table.column_names}):
        problems.add("columns", name, f"{table.full_name} has {', '.join(table.column_names)}")
    return pa.table(
        [_column(column, given, problems) for column in table.columns], schema=arrow_schema(table)
    )


def _column(column: Column, given: Rows, problems: Problems) -> Any:
    wanted = ARROW_TYPES[column.type]
    found = given.schema.get_all_field_indices(column.name)
    if len(found) != 1:
        if found or not column.is_nullable:
            problems.add("columns", column.name, "the column stands in the file once")
        return pa.nulls(given.num_rows, wanted)
    values = given.column(found[0]).combine_chunks()
    try:
        typed = _cast(values, wanted)
    except (pa.ArrowException, orjson.JSONDecodeError):
        cells = enumerate(values.to_pylist(), 1)
        unfit = [(row, value) for row, value in cells if not _fits(values.type, value, wanted)]
        _tell(column, unfit, f"a value is of the type {column.type}", problems)
        return pa.nulls(given.num_rows, wanted)
    cells = list(enumerate(typed.to_pylist(), 1))
    if not column.is_nullable:
        _tell(column, [cell for cell in cells if cell[1] is None], "a value is known", problems)
    known = [cell for cell in cells if cell[1] is not None]
    if column.type == "double":
        _tell(column, [cell for cell in known if not math.isfinite(cell[1])], "a value is finite", problems)
    low, high = column.low, column.high
    if low is not None:
        _tell(column, [cell for cell in known if cell[1] < low], f"a value is at least {low:g}", problems)
    if high is not None:
        _tell(column, [cell for cell in known if cell[1] > high], f"a value is at most {high:g}", problems)
    return typed


def _cast(values: Any, wanted: Any) -> Any:
    if pa.types.is_list(wanted) and pa.types.is_string(values.type):
        lists = [None if text is None else orjson.loads(text) for text in values.to_pylist()]
        return pa.array(lists, wanted)
    return values.cast(wanted)


def _fits(given: Any, value: Any, wanted: Any) -> bool:
    try:
        _cast(pa.array([value], given), wanted)
    except (pa.ArrowException, orjson.JSONDecodeError):
        return False
    return True


def _tell(column: Column, cells: Sequence[Cell], rule: str, problems: Problems) -> None:
    """Add the first cells that break a rule, and how many do."""
    if not cells:
        return
    rows = ", ".join(f"row {row}" for row, _ in cells[:SHOWN_PER_RULE])
    more = f" and {len(cells) - SHOWN_PER_RULE:,} more" if len(cells) > SHOWN_PER_RULE else ""
    shown = "" if cells[0][1] is None else str(cells[0][1])
    problems.add(f"{rows}{more}, {column.name}", shown, rule)
