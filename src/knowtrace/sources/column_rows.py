"""The columns of a table that a format is about, row by row; the other columns are passed over."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.lines import numbered_lines, opened
from knowtrace.sources.records import TOO_LONG, Reject, header_of, records


def column_rows(
    path: Path,
    columns: Sequence[str],
    reject: Reject,
    *,
    optional: Sequence[str] = (),
    has_quotes: bool = True,
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells of `columns`, then of `optional`), without spaces around them.

    A column of `optional` that the table does not have gives "". Rows that are none go to `reject`.
    Raises: DataError naming every column of `columns` that the table does not have.
    """
    with opened(path) as stream:
        lines = numbered_lines(stream, lambda number, line: reject(number, "", line, TOO_LONG))
        delimiter, header = header_of(next((line for _, line in lines if line.strip()), ""))
        missing = [name for name in columns if name not in header]
        if missing:
            found = ", ".join(name for name in header if name)[:300] or "none"
            raise DataError(
                f"{path.name} has no column {', '.join(missing)} among its columns ({found}): give the table as "
                "its owners publish it."
            )
        at = [header.index(name) for name in columns]
        at += [header.index(name) if name in header else -1 for name in optional]
        for line, cells in records(lines, delimiter, header, reject, has_quotes=has_quotes):
            yield line, [cells[i].strip() if i >= 0 else "" for i in at]
