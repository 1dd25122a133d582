"""What EdNet's two forms share: one file per student, named after the student, and a table of questions.

An answer is right when it equals the question's `correct_answer`. Times are milliseconds since 1970. The
container is one visit of a bundle, the group of questions that are shown and submitted together: the same bundle met
again is another one. In a folder, a file that cannot be read is a row of the quarantine, and the others are read.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from knowtrace.errors import DataError
from knowtrace.sources.actions import action_notes
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet_contents import CHOICES, Question, find_contents, read_questions
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.sources.lines import numbered_lines, opened, without_suffixes
from knowtrace.sources.records import TOO_LONG, header_of, records
from knowtrace.standards.cells import BadCellError
from knowtrace.standards.characters import holds_halves, whole

Row = tuple[int, dict[str, str]]
"""A line and its cells by column."""

Read = tuple[list[str], list[tuple[int, list[str]]], list[tuple[int, str, str, str]]]
"""A file's header, its rows with their lines, and what is none: line, column, value and rule."""

UNREADABLE = "every file of a folder can be read"
UNKNOWN_QUESTION = "every question is in the table of questions"
NO_CHOICE = "an answer is one of a, b, c, d"


@dataclass(frozen=True, kw_only=True)
class StudentFile:
    """One student's file on its way into a Gathering."""

    student_id: str
    file: str
    questions: Mapping[str, Question]
    gathering: Gathering

    def reject(self, line: int, column: str, value: str, rule: str) -> None:
        self.gathering.reject(self.file, line, column, value, rule)

    def question(self, question_id: str, column: str) -> Question:
        """Return a question. Raises: BadCellError when the table does not know it."""
        if (question := self.questions.get(question_id)) is None:
            raise BadCellError(column, question_id, UNKNOWN_QUESTION)
        return question

    def add(
        self,
        line: int,
        question_id: str,
        choice: str,
        *,
        milliseconds: str,
        place: int,
        elapsed_seconds: float | None,
        visit: str,
    ) -> None:
        """Take one answer, `place` among those of its time. Raises: BadCellError when time or choice break a rule."""
        question = self.questions[question_id]
        if choice not in CHOICES:
            raise BadCellError("user_answer", choice, NO_CHOICE)
        answered_at, seconds = self.gathering.time_of(milliseconds, "timestamp")
        answer = Answer(
            order=(seconds, place),
            item_id=question_id,
            skill_ids=question.skill_ids,
            response=str(int(choice == question.correct_answer)),
            answered_at=answered_at,
            elapsed_seconds=elapsed_seconds,
            hints_used=None,
            attempt=None,
            session_id=None,
            container_id=f"{question.bundle_id}@{visit}",
            file=self.file,
            line=line,
        )
        self.gathering.answers.setdefault(self.student_id, []).append(answer)


def student_files(path: Path) -> list[Path]:
    """Return the file itself, or the folder's files u*.csv and u*.csv.gz in order of their names."""
    return sorted({*path.glob("u*.csv"), *path.glob("u*.csv.gz")}) if path.is_dir() else [path]


def read_students(
    path: Path,
    contents: Path | None,
    *,
    format_name: str,
    columns: tuple[str, ...],
    read_student: Callable[[StudentFile, Iterator[Row]], Counter[str]],
    actions: Set[str] = frozenset(),
) -> Dataset:
    """Read every student's file with `read_student`, which counts its rows that are no answers by their action.

    `actions` are those that the format defines.

    A file of a folder that cannot be read, or whose name is no text, is quarantined.
    Raises: DataError when a file is not of the format, or no answer is left.
    """
    questions = read_questions(find_contents(path, contents))
    gathering = Gathering(
        name=path.resolve().name, format=format_name, response_column="user_answer", is_binary=True
    )
    others: Counter[str] = Counter()
    for file in student_files(path):
        student = StudentFile(
            student_id=without_suffixes(file), file=file.name, questions=questions, gathering=gathering
        )
        try:
            header, rows, rejected = _rows_of(file)
        except DataError as error:
            if not path.is_dir():
                raise
            student.reject(0, "", str(error), UNREADABLE)
            continue
        if not set(columns) <= set(header):
            raise DataError(
                f"{file.name} ({', '.join(header)[:200]}) is not {format_name}, as its neighbours are: "
                f"every file needs the columns {', '.join(columns)}."
            )
        others += take_rows(student, (header, rows, rejected), read_student)
    gathering.notes += action_notes(others, actions, format_name)
    return gathering.settle()


def take_rows(
    student: StudentFile, read: Read, read_student: Callable[[StudentFile, Iterator[Row]], Counter[str]]
) -> Counter[str]:
    """Take what was read of one student's file; return how many rows were no answers, by their action."""
    header, rows, rejected = read
    for row in rejected:
        student.reject(*row)
    cells_of = ((line, {k: v.strip() for k, v in zip(header, cells, strict=True)}) for line, cells in rows)
    return read_student(student, cells_of)


def _rows_of(file: Path) -> Read:
    """Return all of a file, before any of it is taken.

    Raises: DataError when it cannot be read, or its name, which is the student's, is no text.
    """
    if holds_halves(file.name):
        raise DataError(f"{whole(file.name)} names its student by what is no text: rename it.")
    with opened(file) as stream:
        return rows_in(stream)


def rows_in(stream: TextIO) -> Read:
    """Return the header, the rows and what is none."""
    rejected: list[tuple[int, str, str, str]] = []

    def reject(line: int, column: str, value: str, rule: str) -> None:
        rejected.append((line, column, value, rule))

    lines = numbered_lines(stream, lambda number, line: reject(number, "", line, TOO_LONG))
    delimiter, header = header_of(next((line for _, line in lines), ""))
    return header, list(records(lines, delimiter, header, reject)), rejected
