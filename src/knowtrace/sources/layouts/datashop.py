"""DataShop: one student-step roll-up, `student_step.txt`, with one model of the skills."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.rows import clock_text, timed

COLUMNS = (
    "Row",
    "Sample Name",
    "Anon Student Id",
    "Problem Hierarchy",
    "Problem Name",
    "Problem View",
    "Step Name",
    "Step Start Time",
    "First Transaction Time",
    "Correct Transaction Time",
    "Step End Time",
    "Step Duration (sec)",
    "Correct Step Duration (sec)",
    "Error Step Duration (sec)",
    "First Attempt",
    "Incorrects",
    "Hints",
    "Corrects",
    "Condition",
    "KC (Default)",
    "Opportunity (Default)",
    "Predicted Error Rate (Default)",
)


def write_datashop(dataset: Dataset, folder: Path) -> None:
    """Write the roll-up. An item "problem / step" is parted again; any other one is a problem of one step.

    A step that is met again is of another view of its problem. The rate that a model would predict is empty.
    """
    opportunities: dict[tuple[str, str], int] = {}
    views: dict[tuple[str, str], int] = {}
    with (folder / "student_step.txt").open("w", encoding="utf-8", newline="") as stream:
        stream.write("\t".join(COLUMNS) + "\n")
        for row, (answer, time) in enumerate(timed(dataset), 1):
            step = answer.student_id, answer.item_id
            views[step] = views.get(step, 0) + 1
            for skill in answer.skill_ids:
                key = answer.student_id, skill
                opportunities[key] = opportunities.get(key, 0) + 1
            seen = [str(opportunities[answer.student_id, skill]) for skill in answer.skill_ids]
            cells = _cells(answer, time, views[step])
            stream.write("\t".join([str(row), *cells, "~~".join(seen), ""]) + "\n")


def _cells(answer: Interaction, time: datetime, view: int) -> Iterator[str]:
    """Yield the cells from Sample Name to KC (Default)."""
    elapsed = answer.elapsed_seconds
    problem, _, step = answer.item_id.partition(" / ")
    start = time - timedelta(seconds=elapsed or 0)
    duration = "." if elapsed is None else str(elapsed)
    tries = answer.attempt or 1
    is_right = answer.response == 1
    yield from ("All Data", answer.student_id, "Unit 1", problem, str(view), step)
    yield from (clock_text(start) if elapsed is not None else ".", clock_text(time))
    yield from (clock_text(time) if is_right else ".", clock_text(time), duration)
    yield from (duration if is_right else ".", "." if is_right else duration)
    yield from ("correct" if is_right else "incorrect", str(tries - is_right))
    yield from (str(answer.hints_used or 0), str(int(is_right)), ".", "~~".join(answer.skill_ids))
