"""EdNet: one file per student in `KT1` or `KT4`, and the questions in `contents`. Every item is a bundle of its own."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import Row, skills_of_items, write_rows

KT1_COLUMNS = ("timestamp", "solving_id", "question_id", "user_answer", "elapsed_time")
KT4_COLUMNS = ("timestamp", "action_type", "item_id", "cursor_time", "source", "user_answer", "platform")
QUESTION_COLUMNS = (
    "question_id",
    "bundle_id",
    "explanation_id",
    "correct_answer",
    "part",
    "tags",
    "deployed_at",
)
KEY, WRONG = "a", "d"

Bundles = dict[str, str]
"""The bundle of each item."""


def write_ednet_kt1(dataset: Dataset, folder: Path) -> None:
    """Write the files of KT1."""
    _write(dataset, folder, "KT1", KT1_COLUMNS, _kt1_rows)


def write_ednet_kt4(dataset: Dataset, folder: Path) -> None:
    """Write the files of KT4: a bundle is entered, answered and submitted."""
    _write(dataset, folder, "KT4", KT4_COLUMNS, _kt4_rows)


def _write(
    dataset: Dataset,
    folder: Path,
    form: str,
    columns: Sequence[str],
    rows_of: Callable[[Sequence[Interaction], Bundles], Iterator[Row]],
) -> None:
    skills_of = skills_of_items(dataset)
    bundles = {item: f"b{number}" for number, item in enumerate(skills_of, 1)}
    questions = (
        (item, bundle, f"e{bundle[1:]}", KEY, 1, ";".join(skills_of[item]) or "-1", 0)
        for item, bundle in bundles.items()
    )
    write_rows(folder / "contents" / "questions.csv", QUESTION_COLUMNS, questions)
    for student_id, history in dataset.students.items():
        write_rows(folder / form / f"u{student_id}.csv", columns, rows_of(history, bundles))


def _kt1_rows(history: Sequence[Interaction], _bundles: Bundles) -> Iterator[Row]:
    for number, answer in enumerate(history, 1):
        assert answer.answered_at is not None
        elapsed = "" if answer.elapsed_seconds is None else round(answer.elapsed_seconds * 1000)
        choice = KEY if answer.response else WRONG
        yield _milliseconds(answer.answered_at), number, answer.item_id, choice, elapsed


def _kt4_rows(history: Sequence[Interaction], bundles: Bundles) -> Iterator[Row]:
    for answer in history:
        assert answer.answered_at is not None
        bundle, time = bundles[answer.item_id], answer.answered_at
        choice = KEY if answer.response else WRONG
        if answer.elapsed_seconds is not None:
            start = time - timedelta(seconds=answer.elapsed_seconds)
            yield _milliseconds(start), "enter", bundle, "", "diagnosis", "", "mobile"
        yield _milliseconds(time), "respond", answer.item_id, "", "diagnosis", choice, "mobile"
        yield _milliseconds(time), "submit", bundle, "", "diagnosis", "", "mobile"


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
