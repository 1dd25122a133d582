"""What the layouts share: answers that surely have a time, and tables written row by row."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset

Row = Sequence[object]


def timed(dataset: Dataset) -> Iterator[tuple[Interaction, datetime]]:
    """Yield every answer, student by student in order, with its time in UTC."""
    for history in dataset.students.values():
        for answer in history:
            assert answer.answered_at is not None
            yield answer, answer.answered_at.astimezone(UTC)


def skills_of_items(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Return the skills of each item, as its first answer has them."""
    skills: dict[str, tuple[str, ...]] = {}
    for history in dataset.students.values():
        for answer in history:
            skills.setdefault(answer.item_id, answer.skill_ids)
    return skills


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Row], *, delimiter: str = ",") -> None:
    """Write a table whose empty cells are None. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def row_of(columns: Sequence[str], cells: Mapping[str, object]) -> Row:
    """Return the cells that are known, in the order of the columns, the others empty."""
    return [cells.get(name) for name in columns]


def seconds_text(time: datetime) -> str:
    """Return seconds since 1970 with milliseconds, as EDM Cup writes them."""
    return f"{time.timestamp():.3f}"


def clock_text(time: datetime) -> str:
    """Return a date and time without a zone, with milliseconds."""
    return time.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
