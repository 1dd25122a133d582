"""Files of the formats that are read row by row: their answers, by the loaders' rules, and their lines as written."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.lake.arrow import Rows, arrow_schema
from knowtrace.lake.bronze_tables import PARSED_ANSWERS, RAW_ASSIGNMENT_DETAILS, RAW_LINES, WITHDRAWALS
from knowtrace.lake.edm_cup_rows import EDM_CUP, assignments_of, others_rows, raw_rows, tables_at
from knowtrace.lake.erased import ErasedStudents
from knowtrace.lake.student_files import Rejected
from knowtrace.lake.tables import BUCKET, Table, bucket_of
from knowtrace.lake.traces import BY_LINE, ERASED, Place, lines_that_stay, names, student_of_file
from knowtrace.sources import Dataset, read
from knowtrace.sources.formats import SourceOptions
from knowtrace.sources.lines import numbered_lines, opened
from knowtrace.standards.characters import whole

OF_INTERACTION = (
    "item_id",
    "skill_ids",
    "response",
    "answered_at",
    "elapsed_seconds",
    "hints_used",
    "attempt",
    "session_id",
    "container_id",
)
"""Columns that hold what an Interaction calls by the same name."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A file's answers and lines, as rows of bronze without `loaded_at`; `raw` are tables landed as written."""

    format: str
    answers: Rows
    lines: Rows
    withdrawals: Rows
    raw: list[tuple[Table, Rows]]
    rejected: list[Rejected]
    num_merged: int
    notes: tuple[str, ...]


def parse(path: Path, options: SourceOptions, erased: ErasedStudents) -> Parsed:
    """Read a file or folder with its loader, and leave out whom the lake has erased.

    Raises: DataError when it cannot be read as answers.
    """
    dataset = read(
        path,
        columns=options.columns,
        responses=options.responses,
        categories=options.categories,
        contents=options.contents,
    )
    rejected = [
        Rejected(file=row.file, line=row.line or None, column=row.column, value=row.value, rule=row.rule)
        for row in dataset.quarantined
    ]
    tables = tables_at(path, options.contents) if dataset.format == EDM_CUP else []
    raw = [(table, raw_rows(table, file, rejected)) for table, file in tables]
    lines = _lines(path, [file for _, file in tables])
    if erased.hashes:
        raw = _raw_without(raw, erased)
        dataset, lines, rejected = _without(dataset, lines, rejected, erased, path.name)
    return Parsed(
        format=dataset.format,
        answers=answer_rows(dataset, source_name(path), path.name),
        lines=lines,
        withdrawals=_withdrawals(dataset),
        raw=raw,
        rejected=rejected,
        num_merged=dataset.num_merged,
        notes=tuple(dataset.notes),
    )


def _without(
    dataset: Dataset, lines: Rows, rejected: Sequence[Rejected], erased: ErasedStudents, name: str
) -> tuple[Dataset, Rows, list[Rejected]]:
    """Return a source without erased students; each of their rows is left as a reason in the quarantine, no more."""
    gone = erased.among({*dataset.students, *(one.student_id for one in dataset.withdrawn)})
    mine, others = _places(dataset, gone), _places(dataset, dataset.students.keys() - gone)
    for one in dataset.withdrawn:
        (mine if one.student_id in gone else others).add((one.file, one.line))
    columns = (lines[name].to_pylist() for name in ("source_file", "line", "text"))
    read_lines = list(zip(*columns, strict=True))
    is_by_line = dataset.format in BY_LINE
    stays = lines_that_stay(read_lines, mine=mine, others=others, students=erased, is_by_line=is_by_line)
    if is_by_line:
        mine |= {(file, line) for (file, line, _), stay in zip(read_lines, stays, strict=True) if not stay}
    kept = [row for row in rejected if not _is_of(row, mine - others, erased)]
    num_answers = sum(len(dataset.students[student]) for student in gone if student in dataset.students)
    reason = Rejected(file=name, line=None, column="", value="", rule=ERASED)
    staying = replace(
        dataset,
        students={student: rows for student, rows in dataset.students.items() if student not in gone},
        withdrawn=tuple(one for one in dataset.withdrawn if one.student_id not in gone),
    )
    return (
        staying,
        lines.filter(pa.array(stays, pa.bool_())),
        [*kept, *[reason] * (len(rejected) - len(kept) + num_answers)],
    )


def _raw_without(raw: Sequence[tuple[Table, Rows]], erased: ErasedStudents) -> list[tuple[Table, Rows]]:
    gone: set[str] = set()
    for table, rows in raw:
        if table is RAW_ASSIGNMENT_DETAILS:
            gone |= assignments_of(rows, erased)
    return [
        (table, rows.filter(pa.array(others_rows(table, rows, gone, erased), pa.bool_())))
        for table, rows in raw
    ]


def _places(dataset: Dataset, students: Iterable[str]) -> set[Place]:
    return {
        (dataset.files[int(number)], int(line))
        for student in students
        if student in dataset.places
        for number, line in dataset.places[student]
    }


def _is_of(row: Rejected, places: Set[Place], erased: ErasedStudents) -> bool:
    owner = student_of_file(row.file)
    is_placed = row.line is not None and (row.file, row.line) in places
    return is_placed or (owner is not None and owner in erased) or names(row.value, erased)


def source_name(path: Path) -> str:
    """Return a source's name with that of its folder: exports of one name in two folders are two."""
    whole = path.resolve()
    return f"{whole.parent.name}/{whole.name}"


def _withdrawals(dataset: Dataset) -> Rows:
    schema = arrow_schema(WITHDRAWALS).remove(len(WITHDRAWALS.columns) - 1)
    rows = [
        {"source_file": gone.file, "line": gone.line, "user_id": gone.student_id, "event_id": gone.event_id}
        for gone in dataset.withdrawn
    ]
    buckets = [bucket_of(gone.student_id) for gone in dataset.withdrawn]
    return pa.Table.from_pylist(rows, schema=schema).append_column(BUCKET, pa.array(buckets, pa.string()))


def answer_rows(dataset: Dataset, source: str, file: str) -> Rows:
    """Return a dataset's answers as rows of bronze; where no places are known, all are of `file`."""
    schema = arrow_schema(PARSED_ANSWERS).remove(len(PARSED_ANSWERS.columns) - 1)
    batches = [
        pa.RecordBatch.from_pydict(_columns(dataset, source, file, student, history), schema=schema)
        for student, history in dataset.students.items()
    ]
    buckets = [bucket_of(student) for student in dataset.students]
    owners = np.repeat(np.arange(len(buckets)), [len(history) for history in dataset.students.values()])
    return pa.Table.from_batches(batches, schema=schema).append_column(
        BUCKET, pa.array(buckets, pa.string()).take(pa.array(owners))
    )


def _columns(
    dataset: Dataset, source: str, file: str, student: str, history: Sequence[Interaction]
) -> dict[str, Any]:
    """Return a student's answers by column: half the work of a record for each answer."""
    length = len(history)
    places = dataset.places.get(student)
    event_ids = dataset.event_ids.get(student)
    return {
        "source": [source] * length,
        "source_file": [file] * length
        if places is None
        else [dataset.files[i] for i in places[:, 0].tolist()],
        "line": [None] * length if places is None else places[:, 1],
        "user_id": [student] * length,
        "ordinal": np.arange(1, length + 1),
        "num_categories": [dataset.num_categories] * length,
        "given_split": [dataset.splits.get(student)] * length,
        "event_id": [None] * length if event_ids is None else event_ids,
        **{name: [getattr(answer, name) for answer in history] for name in OF_INTERACTION},
    }


def _lines(path: Path, landed: Sequence[Path]) -> Rows:
    """Return every line of a file, or of a folder's text files; one that is no text, or landed as a table, has none."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files = [file for file in files if file not in landed]
    return line_rows((file.name, number, line) for file in files for number, line in _lines_of(file))


def line_rows(lines: Iterable[tuple[str, int, str]]) -> Rows:
    """Return lines (file, number, text) as rows of bronze, a half of a surrogate pair as U+FFFD."""
    names: list[str] = []
    numbers: list[int] = []
    texts: list[str] = []
    for name, number, text in lines:
        names.append(name)
        numbers.append(number)
        texts.append(whole(text))
    schema = arrow_schema(RAW_LINES).remove(len(RAW_LINES.columns) - 1)
    return pa.table({"source_file": names, "line": numbers, "text": texts}, schema=schema)


def _lines_of(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with opened(file) as stream:
            yield from numbered_lines(stream, lambda _number, _line: None)
    except DataError:
        return
