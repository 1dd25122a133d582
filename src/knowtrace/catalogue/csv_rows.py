"""Small tables that people keep by hand, as CSV: read strictly, written whole or not at all."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from knowtrace.catalogue.problems import Problems
from knowtrace.errors import DataError

LARGEST_BYTES = 256 * 2**20
ESCAPE = "\\"
SEPARATOR = ";"
COMPUTED = re.compile(r"'*[=+\-@]")

Row = tuple[int, dict[str, str]]
"""The line a row starts on, and its cells by column, without spaces around them."""


def read_text(path: Path, *, largest: int = LARGEST_BYTES) -> str:
    """Return a UTF-8 file, with or without a byte order mark, line ends as "\\n".

    Raises: DataError when it is not there, too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > largest:
            raise DataError(f"{path} is larger than {largest:,} bytes: give a smaller file.")
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start:,}: save it as UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_rows(
    path: Path, columns: Sequence[str], problems: Problems, *, optional: Sequence[str] = ()
) -> list[Row]:
    """Return the rows of a table that has `columns`; those of `optional` that it lacks are empty.

    Rows that are none are added to `problems`; blank ones are passed over. Raises: DataError when the file cannot be
    read, or has not the columns.
    """
    lines = _numbered_cells(read_text(path), path)
    _, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    missing = [name for name in columns if name not in header]
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if missing or repeated:
        faults = [f"has no column {', '.join(missing)}"] if missing else []
        faults += [f"has several columns {', '.join(repeated)}"] if repeated else []
        found = ", ".join(header)[:300] or "none"
        raise DataError(f"{path} {' and '.join(faults)} (its columns: {found}): write {','.join(columns)}.")
    rows: list[Row] = []
    for line, cells in lines:
        if len(cells) != len(header):
            rule = f"a row has {len(header)} cells, as the header has"
            problems.add(f"line {line}", ",".join(cells), rule)
        else:
            by_name = dict(zip(header, (_unguarded(cell.strip()) for cell in cells), strict=True))
            rows.append((line, {name: by_name.get(name, "") for name in (*columns, *optional)}))
    return rows


def _numbered_cells(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line it starts on."""
    reader = csv.reader(io.StringIO(text), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path} is not CSV at line {reader.line_num}: {error}. Quote such cells.") from None


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; a file that was there is replaced when the new one is complete."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    write_whole(path, text.getvalue().encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and put it in place. Raises: DataError when it cannot be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another place.") from None


def _guarded(cell: str) -> str:
    """Return a cell that a spreadsheet does not compute: "=1+1" gets an apostrophe, which reading takes off again."""
    return f"'{cell}" if COMPUTED.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and COMPUTED.match(cell) else cell


def joined(values: Iterable[str]) -> str:
    """Return values as one cell, parted by ";"; a ";" or "\\" inside a value has a "\\" before it."""
    return SEPARATOR.join(
        value.replace(ESCAPE, ESCAPE * 2).replace(SEPARATOR, ESCAPE + SEPARATOR) for value in values
    )


def parted(cell: str) -> tuple[str, ...]:
    """Return the values of a cell that `joined` wrote; an empty cell has none."""
    if not cell:
        return ()
    values, current, is_escaped = [""], 0, False
    for character in cell:
        if is_escaped or character not in (ESCAPE, SEPARATOR):
            values[current] += character
            is_escaped = False
        elif character == ESCAPE:
            is_escaped = True
        else:
            values.append("")
            current += 1
    return tuple(value.strip() for value in values)
