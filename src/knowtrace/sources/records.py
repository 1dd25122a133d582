"""Lines of a delimited file into fields, row by row, with the line each row starts at."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from io import StringIO

from knowtrace.standards.characters import NO_CHARACTER, holds_halves, whole

DELIMITERS = (",", "\t", ";")
MAX_FIELD = 10_000
"""Characters of one field; ids, times and counts never come near it."""

MAX_LINES_PER_ROW = 100
"""How far a quoted field may run on before its quote counts as a typing error."""

UNCLOSED = "a quoted field must be closed, within 100 lines"
TOO_LONG = "a field holds at most 10,000 characters"

NUL = "a row is text, without the character NUL"

Reject = Callable[[int, str, str, str], None]
"""(line, column, value, rule) of a row that cannot become an answer."""


def header_of(line: str) -> tuple[str, list[str]]:
    """Return the delimiter and the column names of a header line."""
    delimiter = max(DELIMITERS, key=line.count)
    try:
        names = next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        names = line.split(delimiter)
    return delimiter, [whole(name).strip() for name in names]


def records(
    lines: Iterator[tuple[int, str]],
    delimiter: str,
    columns: list[str],
    reject: Reject,
    *,
    has_quotes: bool = True,
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of each row that has one field per column; reject the other rows.

    Blank lines are no rows. Quotes follow RFC 4180; a quote that opens and never closes costs its own line
    only, not the lines after it. Without `has_quotes`, a quote is a character like any other.
    """
    width = len(columns)
    quoted = delimiter + '"'
    held: deque[tuple[int, str]] = deque()
    while True:
        if held:
            number, line = held.popleft()
        elif (following := next(lines, None)) is not None:
            number, line = following
        else:
            return
        if "\0" in line or holds_halves(line):
            reject(number, "", line, NUL if "\0" in line else NO_CHARACTER)
            continue
        if has_quotes and (quoted in line or line[:1] == '"'):
            fields = _quoted_fields(line, lines, held, delimiter=delimiter, width=width)
            if fields is None:
                reject(number, "", line, TOO_LONG if len(line) > MAX_FIELD else UNCLOSED)
                continue
        else:
            fields = line.split(delimiter)
        if len(fields) != width:
            if line.strip():
                reject(number, "", line, f"a row has {width} fields like the header, not {len(fields)}")
            continue
        if len(line) > MAX_FIELD:
            long = next((i for i, field in enumerate(fields) if len(field) > MAX_FIELD), None)
            if long is not None:
                reject(number, columns[long], fields[long], TOO_LONG)
                continue
        yield number, fields


def _quoted_fields(
    line: str, lines: Iterator[tuple[int, str]], held: deque[tuple[int, str]], *, delimiter: str, width: int
) -> list[str] | None:
    """Return the fields of a row with quotes, taking further lines as it needs them.

    Returns None, and gives the further lines back to `held`, when they do not make a row.
    """
    taken: list[tuple[int, str]] = []
    text = line
    while text.count('"') % 2 and len(taken) < MAX_LINES_PER_ROW:
        following = held.popleft() if held else next(lines, None)
        if following is None:
            break
        taken.append(following)
        text = f"{text}\n{following[1]}"
    try:
        fields = next(csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        fields = None
    if taken and (fields is None or len(fields) != width):
        held.extendleft(reversed(taken))
        return None
    return fields
