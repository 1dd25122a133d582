"""What EdNet's two forms share: one file per student, named after the student, and a table of questions.

An answer is right when it equals the question's `correct_answer`. Times are milliseconds since 1970. The
container is the bundle, the group of questions shown together.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.cells import BadCellError
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet_contents import CHOICES, Question, find_contents, read_questions
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.sources.lines import numbered_lines, opened, without_suffixes
from knowtrace.sources.records import TOO_LONG, header_of, records

Row = tuple[int, dict[str, str]]
"""A line and its cells by column."""

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
        self, line: int, cells: Mapping[str, str], question_id: str, elapsed_seconds: float | None
    ) -> None:
        """Take one answer. Raises: BadCellError when its time or choice breaks a rule."""
        question = self.questions[question_id]
        choice = cells["user_answer"]
        if choice not in CHOICES:
            raise BadCellError("user_answer", choice, NO_CHOICE)
        answered_at, seconds = self.gathering.time_of(cells["timestamp"], "timestamp")
        answer = Answer(
            order=(seconds, 0),
            item_id=question_id,
            skill_ids=question.skill_ids,
            response=str(int(choice == question.correct_answer)),
            answered_at=answered_at,
            elapsed_seconds=elapsed_seconds,
            hints_used=None,
            attempt=None,
            session_id=None,
            container_id=question.bundle_id,
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
    read_student: Callable[[StudentFile, Iterator[Row]], int],
) -> Dataset:
    """Read every student's file with `read_student`, which returns how many of its rows are no answers.

    Raises: DataError when a file is not of the format, or no answer is left.
    """
    questions = read_questions(find_contents(path, contents))
    gathering = Gathering(
        name=path.resolve().name, format=format_name, response_column="user_answer", is_binary=True
    )
    num_other = 0
    for file in student_files(path):
        student = StudentFile(
            student_id=without_suffixes(file), file=file.name, questions=questions, gathering=gathering
        )
        with opened(file) as stream:
            lines = numbered_lines(
                stream, lambda number, line, s=student: s.reject(number, "", line, TOO_LONG)
            )
            delimiter, header = header_of(next((line for _, line in lines), ""))
            if not set(columns) <= set(header):
                raise DataError(
                    f"{file.name} ({', '.join(header)[:200]}) is not {format_name}, as its neighbours are: "
                    f"every file needs the columns {', '.join(columns)}."
                )
            rows = records(lines, delimiter, header, student.reject)
            num_other += read_student(
                student,
                ((line, {k: v.strip() for k, v in zip(header, cells, strict=True)}) for line, cells in rows),
            )
    if num_other:
        gathering.notes.append(f"{num_other:,} rows are actions other than answering.")
    return gathering.settle()
