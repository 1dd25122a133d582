"""A dataset written in the layout of a source that publishes no data to test with: what `read` takes back."""

from collections.abc import Callable, Mapping
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.layouts.assistments import (
    write_assistments2012,
    write_assistments2015,
    write_assistments2017,
)
from knowtrace.sources.layouts.caliper import write_caliper
from knowtrace.sources.layouts.datashop import write_datashop
from knowtrace.sources.layouts.edm_cup import write_edm_cup
from knowtrace.sources.layouts.ednet import write_ednet_kt1, write_ednet_kt4
from knowtrace.sources.layouts.eedi import write_eedi
from knowtrace.sources.layouts.line_text import (
    write_four_line,
    write_four_line_credit,
    write_three_line,
    write_three_line_credit,
)
from knowtrace.sources.layouts.riiid import write_riiid
from knowtrace.sources.layouts.xapi import write_xapi

__all__ = ["LAYOUTS", "write_layout"]

Write = Callable[[Dataset, Path], None]

LAYOUTS: Mapping[str, Write] = {
    "assistments2012": write_assistments2012,
    "assistments2015": write_assistments2015,
    "assistments2017": write_assistments2017,
    "caliper": write_caliper,
    "datashop": write_datashop,
    "edm-cup": write_edm_cup,
    "ednet-kt1": write_ednet_kt1,
    "ednet-kt4": write_ednet_kt4,
    "eedi": write_eedi,
    "four-line": write_four_line,
    "four-line-credit": write_four_line_credit,
    "riiid": write_riiid,
    "three-line": write_three_line,
    "three-line-credit": write_three_line_credit,
    "xapi": write_xapi,
}
LINE_TEXTS = {"four-line", "four-line-credit", "three-line", "three-line-credit"}
GRADED = {"caliper", "xapi"} | LINE_TEXTS
"""Layouts that hold more than right and wrong."""

SEPARATORS = {
    "datashop": "\t~",
    "ednet-kt1": ";/",
    "ednet-kt4": ";/",
    "eedi": "[],",
    "riiid": " ,",
} | dict.fromkeys(LINE_TEXTS, ",;")
"""Characters that part skills, or cells, in a layout, and so cannot stand in an id."""


def write_layout(dataset: Dataset, layout: str, folder: Path) -> None:
    """Write the files of a layout into `folder`, made when missing.

    What the layout has no place for is left out: see the loader of its name.
    Raises: DataError naming everything that the layout cannot hold: graded responses, missing times, ids with
    its separators.
    """
    if layout not in LAYOUTS:
        raise DataError(f"layout ({layout!r}) must be one of {', '.join(LAYOUTS)}.")
    problems = _problems(dataset, layout)
    if problems:
        raise DataError(f"{dataset.name} cannot be written as {layout}: {'; '.join(problems)}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        LAYOUTS[layout](dataset, folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}): choose another folder.") from None


def _problems(dataset: Dataset, layout: str) -> list[str]:
    answers = [answer for history in dataset.students.values() for answer in history]
    ids = {text for a in answers for text in (a.student_id, a.item_id, *a.skill_ids)}
    marked = sorted(text for text in ids if any(mark in text for mark in SEPARATORS.get(layout, "")))
    problems: list[str] = []
    if dataset.num_categories > 2 and layout not in GRADED:
        problems.append(f"its responses have {dataset.num_categories} categories, the layout has 2")
    if layout not in LINE_TEXTS and any(answer.answered_at is None for answer in answers):
        problems.append("some answers have no time")
    if marked:
        problems.append(f"ids ({', '.join(marked[:3])}) hold a character that separates in the layout")
    return problems
