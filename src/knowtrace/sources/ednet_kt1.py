"""EdNet KT1: one row per answer. `elapsed_time` is milliseconds on this question.

`solving_id` counts the visits of bundles: answers with one of them were submitted together. EdNet's page calls
`timestamp` the moment a question was given, but the rows it shows stand, in KT4's file of the same student, between the
answer and its submission: it is read as the time of the answer.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet import Row, StudentFile, read_students
from knowtrace.standards.cells import BadCellError, parse_elapsed

COLUMNS = ("timestamp", "solving_id", "question_id", "user_answer", "elapsed_time")


def is_ednet_kt1(header: list[str]) -> bool:
    return set(COLUMNS) <= set(header)


def read_ednet_kt1(path: Path, contents: Path | None) -> Dataset:
    """Read one student's file or a folder of them. Raises: DataError when it cannot be read."""
    return read_students(path, contents, format_name="EdNet KT1", columns=COLUMNS, read_student=_read_student)


def _read_student(student: StudentFile, rows: Iterator[Row]) -> Counter[str]:
    for line, cells in rows:
        try:
            student.question(cells["question_id"], "question_id")
            elapsed = parse_elapsed(cells["elapsed_time"], "elapsed_time", 1000)
            student.add(
                line,
                cells["question_id"],
                cells["user_answer"],
                milliseconds=cells["timestamp"],
                place=0,
                elapsed_seconds=elapsed,
                visit=cells["solving_id"],
            )
        except BadCellError as bad:
            student.reject(line, bad.column, bad.value, bad.rule)
    return Counter()
