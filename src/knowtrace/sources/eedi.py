"""Eedi's NeurIPS 2020 tables: answers, and the tables that name a question's subjects and an answer's time.

- Skills are the leaf subjects: those of the question's list that are no ancestor of another in it.
- A right answer is the one whose `AnswerValue` is the `CorrectAnswer`; a row that says otherwise is quarantined.
- Times, to the minute, stand in `answer_metadata`; answers of one minute are ordered by `AnswerId`. Without that
  table there is neither time nor order: the file's order stands, and says nothing.
- The session is the quiz. An `AnswerId` occurs once: a later row that gives it to another student is quarantined.
- Subjects above one another in a circle have no parents: a note names them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from knowtrace.errors import DataError
from knowtrace.sources.column_rows import column_rows
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.eedi_subjects import read_question_subjects, read_subjects
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.sources.lines import first_lines, without_suffixes
from knowtrace.sources.records import header_of
from knowtrace.standards.cells import NO_STUDENT, BadCellError, parse_integer

COLUMNS = ("QuestionId", "UserId", "AnswerId", "IsCorrect", "CorrectAnswer", "AnswerValue")
TIME_COLUMNS = ("AnswerId", "DateAnswered")
QUESTION_COLUMNS = ("QuestionId", "SubjectId")
SUBJECT_COLUMNS = ("SubjectId", "Name", "ParentId", "Level")
TABLES = {
    "questions": set(QUESTION_COLUMNS),
    "subjects": set(SUBJECT_COLUMNS),
    "times": set(TIME_COLUMNS),
}

UNKNOWN_QUESTION = "every question is in the table of questions"
UNTIMED = "every answer is in the table of answers' times"
TWO_STUDENTS = "an AnswerId is of one student"
KEY_DISAGREES = "IsCorrect is 1 when AnswerValue is CorrectAnswer, and else 0"


class _Sitting(NamedTuple):
    """When an answer was given, and in which quiz."""

    date: str
    quiz_id: str


def is_eedi(header: list[str]) -> bool:
    return set(COLUMNS) <= set(header)


def read_eedi(path: Path, contents: Path | None) -> Dataset:
    """Read answers with the tables beside them, in `metadata` beside or above them, or in `contents`.

    Raises: DataError when the questions or the subjects are not found, or no answer is left.
    """
    gathering = Gathering(name=path.name, format="Eedi", response_column="IsCorrect", is_binary=True)
    tables = _tables_near(path, contents)
    if tables.questions is None or tables.subjects is None:
        wanted = {"questions": QUESTION_COLUMNS, "subjects": SUBJECT_COLUMNS}
        missing = [
            f"{kind} (columns {', '.join(columns)})"
            for kind, columns in wanted.items()
            if getattr(tables, kind) is None
        ]
        raise DataError(
            f"Eedi answers need a table of {' and a table of '.join(missing)}, not found near {path.name}: give "
            "their folder with contents= in Python or --contents on the command line."
        )
    subjects = read_subjects(tables.subjects, gathering)
    skills_of = read_question_subjects(tables.questions, subjects, gathering)
    sittings = None if tables.times is None else _read_sittings(tables.times, path, gathering)
    if sittings is None:
        gathering.notes.append("No table of answers' times: the order of a student's answers means nothing.")
    gathering.is_one_answer_per_position = sittings is not None

    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    owners: dict[str, str] = {}
    for line, cells in column_rows(path, COLUMNS, reject):
        try:
            answer = _answer(line, cells, path.name, skills_of, sittings, gathering)
        except BadCellError as bad:
            reject(line, bad.column, bad.value, bad.rule)
        else:
            if owners.setdefault(cells[2], cells[1]) == cells[1]:
                gathering.answers.setdefault(cells[1], []).append(answer)
            else:
                reject(line, "AnswerId", cells[2], TWO_STUDENTS)
    used = {skill for skills in skills_of.values() for skill in skills}
    return gathering.settle(
        responses="ordered", skill_names={s: subjects[s].name for s in used if s in subjects}
    )


def _answer(
    line: int,
    cells: list[str],
    file: str,
    skills_of: Mapping[str, tuple[str, ...]],
    sittings: Mapping[str, _Sitting] | None,
    gathering: Gathering,
) -> Answer:
    question_id, student, answer_id, response, key, choice = cells
    if not student:
        raise BadCellError("UserId", "", NO_STUDENT)
    if question_id not in skills_of:
        raise BadCellError("QuestionId", question_id, UNKNOWN_QUESTION)
    if response in ("0", "1") and (choice == key) != (response == "1"):
        raise BadCellError("IsCorrect", response, KEY_DISAGREES)
    order, answered_at, quiz_id = (0.0, line), None, None
    if sittings is not None:
        if (sitting := sittings.get(answer_id)) is None:
            raise BadCellError("AnswerId", answer_id, UNTIMED)
        answered_at, seconds = gathering.time_of(sitting.date, "DateAnswered")
        order, quiz_id = (seconds, parse_integer(answer_id, "AnswerId")), sitting.quiz_id or None
    return Answer(
        order=order,
        item_id=question_id,
        skill_ids=skills_of[question_id],
        response=response,
        answered_at=answered_at,
        elapsed_seconds=None,
        hints_used=None,
        attempt=None,
        session_id=quiz_id,
        container_id=None,
        file=file,
        line=line,
    )


class _Tables(NamedTuple):
    questions: Path | None
    subjects: Path | None
    times: Path | None


def _tables_near(answers: Path, contents: Path | None) -> _Tables:
    """Return the tables found by their columns, but none that is named for another task than the answers."""
    near = [answers.parent, answers.resolve().parent.parent / "metadata", answers.parent / "metadata"]
    if contents is not None:
        near = [contents if contents.is_dir() else contents.parent]
    task = _task_of(answers)
    found: dict[str, Path] = {}
    for folder in near:
        for file in sorted({*folder.glob("*.csv"), *folder.glob("*.csv.gz")}):
            if _task_of(file) in ("", task):
                header = _header_of_neighbour(file)
                for kind, columns in TABLES.items():
                    if columns <= header:
                        found.setdefault(kind, file)
    return _Tables(found.get("questions"), found.get("subjects"), found.get("times"))


def _task_of(file: Path) -> str:
    """Return "1_2" of train_task_1_2.csv: the questions of two tasks have the same ids, and are others."""
    return without_suffixes(file).partition("_task_")[2]


def _header_of_neighbour(file: Path) -> set[str]:
    """Return the columns of a file that may be anything; none when it is no text."""
    try:
        return set(header_of(first_lines(file, 1)[0])[1])
    except DataError:
        return set()


def _read_sittings(path: Path, answers: Path, gathering: Gathering) -> dict[str, _Sitting]:
    """Return the sitting of each answer that the answers' file holds; the table may be of far more."""
    wanted = {cells[0] for _, cells in column_rows(answers, ("AnswerId",), lambda *_: None)}
    shared: dict[str, str] = {}
    return {
        answer_id: _Sitting(shared.setdefault(date, date), shared.setdefault(quiz_id, quiz_id))
        for _, (answer_id, date, quiz_id) in column_rows(
            path,
            TIME_COLUMNS,
            lambda line, column, value, rule: gathering.reject(path.name, line, column, value, rule),
            optional=("QuizId",),
        )
        if answer_id in wanted
    }
