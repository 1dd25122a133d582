"""The raw exports of ASSISTments 2012, 2015 and 2017: one table each, with the columns that are read."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import Row, clock_text, timed, write_rows

COLUMNS_2012 = (
    "problem_log_id",
    "skill",
    "problem_id",
    "user_id",
    "assignment_id",
    "start_time",
    "end_time",
    "correct",
    "hint_count",
    "attempt_count",
    "ms_first_response",
    "skill_id",
)
COLUMNS_2017 = (
    "studentId",
    "action_num",
    "skill",
    "problemId",
    "assignmentId",
    "startTime",
    "endTime",
    "timeTaken",
    "correct",
    "hintCount",
    "attemptCount",
)


def write_assistments2012(dataset: Dataset, folder: Path) -> None:
    """Write one row per answer and skill."""
    write_rows(folder / "2012-2013-data-with-predictions-4-final.csv", COLUMNS_2012, _rows_2012(dataset))


def write_assistments2015(dataset: Dataset, folder: Path) -> None:
    """Write one row per answer: its first skill stands for its item."""
    rows = (
        (answer.student_id, log_id, next(iter(answer.skill_ids), answer.item_id), answer.response)
        for log_id, (answer, _) in enumerate(timed(dataset), 1)
    )
    columns = ("user_id", "log_id", "sequence_id", "correct")
    write_rows(folder / "2015_100_skill_builders_main_problems.csv", columns, rows)


def write_assistments2017(dataset: Dataset, folder: Path) -> None:
    """Write one row per answer, with its first skill."""
    write_rows(folder / "anonymized_full_release_competition_dataset.csv", COLUMNS_2017, _rows_2017(dataset))


def _rows_2012(dataset: Dataset) -> Iterator[Row]:
    for log_id, (answer, time) in enumerate(timed(dataset), 1):
        elapsed = answer.elapsed_seconds
        start = time - timedelta(seconds=elapsed or 0)
        milliseconds = "" if elapsed is None else round(elapsed * 1000)
        for skill in answer.skill_ids or ("",):
            yield (
                log_id,
                dataset.skill_names.get(skill, ""),
                answer.item_id,
                answer.student_id,
                answer.session_id,
                clock_text(start),
                clock_text(time),
                answer.response,
                answer.hints_used,
                answer.attempt,
                milliseconds,
                skill,
            )


def _rows_2017(dataset: Dataset) -> Iterator[Row]:
    for number, (answer, time) in enumerate(timed(dataset), 1):
        elapsed = answer.elapsed_seconds
        end = time.timestamp()
        yield (
            answer.student_id,
            number,
            next(iter(answer.skill_ids), ""),
            answer.item_id,
            answer.session_id,
            f"{end - (elapsed or 0):.3f}",
            f"{end:.3f}",
            elapsed,
            answer.response,
            answer.hints_used,
            number,
        )
