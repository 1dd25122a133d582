"""EDM Cup 2023: `action_logs.csv`, `assignment_details.csv` and `problem_details.csv`.

An assignment is a session. As an assignment holds one answer to a problem, the second one within a session opens
another assignment, "session~2".
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import Row, seconds_text, skills_of_items, timed, write_rows

ACTION_COLUMNS = (
    "assignment_log_id",
    "timestamp",
    "problem_id",
    "max_attempts",
    "available_core_tutoring",
    "score_viewable",
    "continuous_score_viewable",
    "action",
)
HELP_COLUMNS = ("hint_id", "explanation_id")
"""The last columns of `action_logs.csv`, empty here: which hint was shown nobody knows."""

DETAIL_COLUMNS = (
    "assignment_log_id",
    "teacher_id",
    "class_id",
    "student_id",
    "sequence_id",
    "assignment_release_date",
    "assignment_due_date",
    "assignment_start_time",
    "assignment_end_time",
)
PROBLEM_COLUMNS = (
    "problem_id",
    "problem_multipart_id",
    "problem_multipart_position",
    "problem_type",
    "problem_skill_code",
    "problem_skill_description",
    "problem_contains_image",
    "problem_contains_equation",
    "problem_contains_video",
    "problem_text_bert_pca",
)


def write_edm_cup(dataset: Dataset, folder: Path) -> None:
    """Write the tables. A problem has one skill in them: the item's first."""
    assignments: dict[str, tuple[str, datetime]] = {}
    write_rows(folder / "action_logs.csv", (*ACTION_COLUMNS, *HELP_COLUMNS), _actions(dataset, assignments))
    details = (
        (name, "T1", "C1", student, "Q1", "", "", seconds_text(start), "")
        for name, (student, start) in assignments.items()
    )
    write_rows(folder / "assignment_details.csv", DETAIL_COLUMNS, details)
    problems = (
        (item, item, 1, "Numeric", skills[0], dataset.skill_names.get(skills[0], ""), 0, 0, 0, "[0.0]")
        if skills
        else (item, item, 1, "Numeric", "", "", 0, 0, 0, "[0.0]")
        for item, skills in skills_of_items(dataset).items()
    )
    write_rows(folder / "problem_details.csv", PROBLEM_COLUMNS, problems)


def _actions(dataset: Dataset, assignments: dict[str, tuple[str, datetime]]) -> Iterator[Row]:
    """Yield the clicks, and note whose each assignment is and when it began."""
    times_answered: dict[tuple[str, str], int] = {}
    for answer, time in timed(dataset):
        session = answer.session_id or answer.student_id
        key = session, answer.item_id
        times_answered[key] = number = times_answered.get(key, 0) + 1
        name = session if number == 1 else f"{session}~{number}"
        clicks = list(_clicks(answer, time))
        if name not in assignments:
            assignments[name] = answer.student_id, clicks[0][0]
            yield name, seconds_text(clicks[0][0]), "", "", "", "", "", "assignment_started", "", ""
        for when, action in clicks:
            yield name, seconds_text(when), answer.item_id, 3, "hint", 1, 0, action, "", ""


def _clicks(answer: Interaction, time: datetime) -> Iterator[tuple[datetime, str]]:
    start = time - timedelta(seconds=answer.elapsed_seconds or 0)
    if answer.elapsed_seconds is not None:
        yield start, "problem_started"
    for _ in range(answer.hints_used or 0):
        yield start, "hint_requested"
    yield time, "correct_response" if answer.response else "wrong_response"
    yield time, "problem_finished"
