"""The rows that did not become interactions, as a table a person can open."""

import csv
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.dataset import Dataset

COLUMNS = ("file", "line", "column", "value", "rule")
MAX_VALUE = 200
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_quarantine(dataset: Dataset, path: Path) -> None:
    """Write one row per quarantined row, as CSV. Long values are cut; a cell never starts a formula.

    Raises: DataError when the file cannot be written.
    """
    try:
        stream = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}): choose another file.") from None
    with stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in dataset.quarantined:
            cells = (row.file, row.column, row.value, row.rule)
            file, column, value, rule = (as_text(cell[:MAX_VALUE]) for cell in cells)
            writer.writerow((file, row.line, column, value, rule))


def as_text(cell: str) -> str:
    """Return a cell that a spreadsheet shows as it is: an apostrophe keeps "=1+1" from being computed."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
