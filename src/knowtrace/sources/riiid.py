"""Riiid's Kaggle table (`train.csv`): one row per question answered or lecture watched, and `questions.csv`.

- Lectures are no answers: they are counted in a note.
- `prior_question_elapsed_time` is the mean time per question of the bundle before this one, lectures passed
  over: it becomes the elapsed time of that bundle's answers. A student's last bundle has none.
- `prior_question_had_explanation` is about the bundle before this one, too, and says what was seen after its
  answers; an interaction has no place for it, so it is not read.
- `timestamp` counts milliseconds from the student's first event: differences are real, dates are not.
- `task_container_id` is the container: its questions were answered together, in one moment of `timestamp`.
- Skills are the question's `tags`. A right answer is the question's `correct_answer`; a row that says otherwise
  is quarantined.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path

from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.ednet_contents import Question, find_contents
from knowtrace.sources.gathering import Answer, Gathering, Order
from knowtrace.standards.cells import NO_STUDENT, BadCellError, parse_integer

COLUMNS = (
    "row_id",
    "timestamp",
    "user_id",
    "content_id",
    "content_type_id",
    "task_container_id",
    "user_answer",
    "answered_correctly",
    "prior_question_elapsed_time",
)
QUESTION_COLUMNS = ("question_id", "bundle_id", "correct_answer", "tags")

QUESTION = "0"
LECTURE = "1"
NO_ELAPSED = frozenset({"", "na", "n/a", "<na>", "nan", "null", "none"})
"""How exports write, in small or large letters, that nobody knows a time."""

UNKNOWN_KIND = "content_type_id is 0 for a question and 1 for a lecture"
UNKNOWN_QUESTION = "every question is in the table of questions"
KEY_DISAGREES = "answered_correctly is 1 when user_answer is the question's correct_answer, and else 0"


@dataclass(slots=True, kw_only=True)
class _Row:
    """A question's row. A rejected one still stands between the containers before and after it."""

    order: Order
    container_id: str
    prior_elapsed: float | None = None
    answer: Answer | None = None


def is_riiid(header: list[str]) -> bool:
    return set(COLUMNS) <= set(header)


def read_riiid(path: Path, contents: Path | None) -> Dataset:
    """Read train.csv with questions.csv. Raises: DataError when one cannot be read or no answer is left."""
    gathering = Gathering(
        name=path.name, format="Riiid", response_column="answered_correctly", is_binary=True
    )
    questions = _read_questions(find_contents(path, contents, owner="Riiid"), gathering)
    students: dict[str, list[_Row]] = {}
    num_lectures = 0

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    for line, cells in column_rows(path, COLUMNS, reject):
        student, kind = cells[2], cells[4]
        if kind == LECTURE:
            num_lectures += 1
            continue
        if not student:
            reject(line, "user_id", "", NO_STUDENT)
            continue
        rows = students.setdefault(student, [])
        row = _Row(order=rows[-1].order if rows else (0.0, 0), container_id=cells[5])
        rows.append(row)
        if kind != QUESTION:
            reject(line, "content_type_id", kind, UNKNOWN_KIND)
            continue
        try:
            row.order = (parse_integer(cells[1], "timestamp") / 1000, parse_integer(cells[0], "row_id"))
            prior = "" if cells[8].lower() in NO_ELAPSED else cells[8]
            row.prior_elapsed = gathering.elapsed_of(prior, "prior_question_elapsed_time", 1000)
            row.answer = _answer(line, cells, row.order, path.name, questions, gathering)
        except BadCellError as bad:
            reject(line, bad.column, bad.value, bad.rule)
    for student in list(students):
        gathering.answers[student] = _with_elapsed(students.pop(student))
    if num_lectures:
        gathering.notes.append(f"{num_lectures:,} rows are lectures, not answers.")
    gathering.notes.append("Times count from each student's own first event.")
    return gathering.settle(responses="ordered")


def _answer(
    line: int,
    cells: list[str],
    order: Order,
    file: str,
    questions: Mapping[str, Question],
    gathering: Gathering,
) -> Answer:
    question_id, choice, response = cells[3], cells[6], cells[7]
    if (question := questions.get(question_id)) is None:
        raise BadCellError("content_id", question_id, UNKNOWN_QUESTION)
    if response in ("0", "1") and (choice == question.correct_answer) != (response == "1"):
        raise BadCellError("user_answer", choice, KEY_DISAGREES)
    # In seconds: a time below 100,000,000,000 would else be taken for seconds, and Riiid's never reach it.
    answered_at, _ = gathering.time_of(str(order[0]), "timestamp")
    return Answer(
        order=order,
        item_id=question_id,
        skill_ids=question.skill_ids,
        response=response,
        answered_at=answered_at,
        elapsed_seconds=None,
        hints_used=None,
        attempt=None,
        session_id=None,
        container_id=cells[5] or None,
        file=file,
        line=line,
    )


def _with_elapsed(rows: list[_Row]) -> list[Answer]:
    """Return a student's answers in order, each with the time that the next container's rows state."""
    rows.sort(key=attrgetter("order"))
    containers = [list(group) for _, group in groupby(rows, key=attrgetter("container_id"))]
    answers: list[Answer] = []
    for container, following in pairwise([*containers, []]):
        stated = (row.prior_elapsed for row in following if row.prior_elapsed is not None)
        elapsed = next(stated, None)
        answers += [
            row.answer._replace(elapsed_seconds=elapsed) for row in container if row.answer is not None
        ]
    return answers


def _read_questions(path: Path, gathering: Gathering) -> dict[str, Question]:
    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    return {
        question_id: Question(
            bundle_id=bundle_id, correct_answer=key, skill_ids=tuple(dict.fromkeys(tags.split()))
        )
        for _, (question_id, bundle_id, key, tags) in column_rows(path, QUESTION_COLUMNS, reject)
    }
