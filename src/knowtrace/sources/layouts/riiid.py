"""Riiid: `train.csv`, `questions.csv` and an empty `lectures.csv`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import Row, skills_of_items, timed, write_rows

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
    "prior_question_had_explanation",
)
KEY, WRONG = 0, 3
"""The option that is right, and the one that is chosen when the answer is wrong."""


def write_riiid(dataset: Dataset, folder: Path) -> None:
    """Write the tables. Answers without a container are a container each."""
    write_rows(folder / "train.csv", COLUMNS, _rows(dataset))
    questions = (
        (item, bundle, KEY, 1, " ".join(skills))
        for bundle, (item, skills) in enumerate(skills_of_items(dataset).items())
    )
    write_rows(
        folder / "questions.csv", ("question_id", "bundle_id", "correct_answer", "part", "tags"), questions
    )
    write_rows(folder / "lectures.csv", ("lecture_id", "tag", "part", "type_of"), ())


def _rows(dataset: Dataset) -> Iterator[Row]:
    row_id = 0
    for student, answers in groupby(timed(dataset), key=lambda pair: pair[0].student_id):
        history = list(answers)
        start = history[0][1]
        prior: float | None = None
        for container_id, group in groupby(enumerate(history), key=_container):
            together = [pair for _, pair in group]
            milliseconds = round((together[-1][1] - start).total_seconds() * 1000)
            for answer, _ in together:
                choice = KEY if answer.response else WRONG
                stated = "" if prior is None else f"{prior:.1f}"
                seen = "" if row_id == 0 else False
                yield (
                    row_id,
                    milliseconds,
                    student,
                    answer.item_id,
                    0,
                    container_id,
                    choice,
                    answer.response,
                    stated,
                    seen,
                )
                row_id += 1
            known = [a.elapsed_seconds for a, _ in together if a.elapsed_seconds is not None]
            prior = sum(known) / len(known) * 1000 if known else None


def _container(numbered: tuple[int, tuple[Interaction, object]]) -> str:
    position, (answer, _) = numbered
    return answer.container_id or str(position)
