"""Eedi: `train_data/train_task_1_2.csv` and the tables of `metadata/`. Times are cut to the minute."""

from collections.abc import Iterator
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import Row, clock_text, skills_of_items, timed, write_rows

ROOT = "root"
KEY, WRONG = 1, 4
UNSPECIFIED = 0
"""A gender that was not told."""


def write_eedi(dataset: Dataset, folder: Path) -> None:
    """Write the tables. Skills are children of one root, which each question lists first."""
    skills_of = skills_of_items(dataset)
    answers = (
        (a.item_id, a.student_id, answer_id, a.response, KEY, KEY if a.response else WRONG)
        for answer_id, (a, _) in enumerate(timed(dataset), 1)
    )
    write_rows(
        folder / "train_data" / "train_task_1_2.csv",
        ("QuestionId", "UserId", "AnswerId", "IsCorrect", "CorrectAnswer", "AnswerValue"),
        answers,
    )
    metadata = folder / "metadata"
    write_rows(
        metadata / "student_metadata_task_1_2.csv",
        ("UserId", "Gender", "DateOfBirth", "PremiumPupil"),
        ((student_id, UNSPECIFIED, "", "") for student_id in dataset.students),
    )
    write_rows(
        metadata / "answer_metadata_task_1_2.csv",
        ("AnswerId", "DateAnswered", "Confidence", "GroupId", "QuizId", "SchemeOfWorkId"),
        _times(dataset),
    )
    write_rows(
        metadata / "question_metadata_task_1_2.csv",
        ("QuestionId", "SubjectId"),
        ((item, f"[{', '.join((ROOT, *skills))}]") for item, skills in skills_of.items()),
    )
    subjects = sorted({skill for skills in skills_of.values() for skill in skills})
    write_rows(
        metadata / "subject_metadata.csv",
        ("SubjectId", "Name", "ParentId", "Level"),
        [(ROOT, "Maths", "NULL", 0), *((s, dataset.skill_names.get(s, s), ROOT, 1) for s in subjects)],
    )


def _times(dataset: Dataset) -> Iterator[Row]:
    for answer_id, (answer, time) in enumerate(timed(dataset), 1):
        minute = time.replace(second=0, microsecond=0)
        yield answer_id, clock_text(minute), "", "", answer.session_id, ""
