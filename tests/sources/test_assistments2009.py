"""The raw ASSISTments 2009 export, by hand."""

from pathlib import Path

from knowtrace.domain import Interaction
from knowtrace.sources import read
from knowtrace.sources.gathering import CONFLICT


def test_rows_of_one_order_id_are_one_answer_with_all_its_skills(golden: Path) -> None:
    dataset = read(golden / "assistments2009_raw.csv")
    assert dataset.format == "ASSISTments 2009 raw"
    assert dataset.students["7"] == [
        Interaction(
            student_id="7",
            item_id="41",
            skill_ids=("1",),
            response=1,
            elapsed_seconds=4.859,
            hints_used=2,
            attempt=1,
            session_id="51",
        ),
        Interaction(
            student_id="7",
            item_id="42",
            skill_ids=("1", "13"),
            response=0,
            elapsed_seconds=25.39,
            hints_used=0,
            attempt=2,
            session_id="51",
        ),
        Interaction(
            student_id="7",
            item_id="44",
            skill_ids=(),
            response=1,
            elapsed_seconds=None,
            hints_used=0,
            attempt=1,
            session_id="52",
        ),
    ]
    assert dataset.num_merged == 2
    assert dataset.skill_names == {"1": "Box and Whisker", "13": "Median"}


def test_rows_that_contradict_one_another_or_the_clock_are_quarantined(golden: Path) -> None:
    rows = read(golden / "assistments2009_raw.csv").quarantined
    assert [(row.line, row.column, row.value, row.rule) for row in rows] == [
        (6, "ms_first_response", "-500", "an elapsed time is not negative"),
        (8, "correct", "1", CONFLICT),
    ]


def test_a_leading_index_column_and_decimal_skill_ids_are_understood(golden: Path) -> None:
    history = read(golden / "assistments2009_indexed.csv").students["64525"]
    assert [(a.item_id, a.skill_ids, a.response) for a in history] == [
        ("51424", ("1",), 1),
        ("51435", ("10",), 1),
    ]


def test_no_time_is_made_up(golden: Path) -> None:
    dataset = read(golden / "assistments2009_raw.csv")
    assert all(answer.answered_at is None for answer in dataset.students["7"])
    assert dataset.notes[0] == "The source keeps only the order of answers, not their times."
