"""DataShop's student-step roll-up, by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.datashop import NO_FIRST_ATTEMPT, NO_TIME
from knowtrace.standards.cells import NO_ITEM, NO_STUDENT

Source = Callable[..., Path]

COLUMNS = (
    "Row",
    "Anon Student Id",
    "Problem Name",
    "Step Name",
    "First Attempt",
    "First Transaction Time",
    "Step Start Time",
    "Step Duration (sec)",
    "Hints",
    "Corrects",
    "Incorrects",
    "KC (Default)",
    "Opportunity (Default)",
    "KC (Fine)",
    "Opportunity (Fine)",
)
TIME = "2008-09-19 13:30:46.0"


def table(*rows: str) -> str:
    """Return a roll-up of rows whose cells are parted by "|"."""
    return "\n".join("\t".join(row.split("|")) for row in ("|".join(COLUMNS), *rows)) + "\n"


ROLL_UP = table(
    f"2|s1|P1|R1C2|incorrect|{TIME}|.|12.5|1|1|2|add~~carry~~add|1~~4|add|1",
    f"1|s1|P1|R1C1|correct|{TIME}|.|.|.|1|0||||",
    '3|s1|P2|"x" = 3|hint||2008-09-19 13:31:00|100000|2|1|0|carry|2|carry-1|1',
)


def rules_of(path: Path) -> list[tuple[int, str, str, str]]:
    return [(row.line, row.column, row.value, row.rule) for row in read(path).quarantined]


def test_a_step_is_an_item_and_the_first_attempt_its_answer(source: Source) -> None:
    dataset = read(source(ROLL_UP))
    assert dataset.format == "DataShop student-step"
    at = datetime(2008, 9, 19, 13, 30, 46, tzinfo=UTC)
    assert dataset.students == {
        "s1": [
            Interaction(
                student_id="s1",
                item_id="P1 / R1C1",
                skill_ids=(),
                response=1,
                answered_at=at,
                attempt=1,
            ),
            Interaction(
                student_id="s1",
                item_id="P1 / R1C2",
                skill_ids=("add", "carry"),
                response=0,
                answered_at=at,
                elapsed_seconds=12.5,
                hints_used=1,
                attempt=3,
            ),
            Interaction(
                student_id="s1",
                item_id='P2 / "x" = 3',
                skill_ids=("carry",),
                response=0,
                answered_at=at.replace(minute=31, second=0),
                hints_used=2,
                attempt=1,
            ),
        ]
    }
    assert dataset.quarantined == ()
    assert "1 elapsed times exceed a day: kept as unknown." in dataset.notes


def test_the_skill_model_is_the_first_or_the_callers(source: Source) -> None:
    path = source(ROLL_UP)
    assert read(path).notes[0] == (
        "Skills are of KC (Default). Also there: KC (Fine); name one as the column of skill."
    )
    dataset = read(path, columns={"skill": "KC (Fine)"})
    assert [a.skill_ids for a in dataset.students["s1"]] == [(), ("add",), ("carry-1",)]
    with pytest.raises(DataError, match=r"no skills column 'KC \(Fin\)': it has KC \(Default\), KC \(Fine\)"):
        read(path, columns={"skill": "KC (Fin)"})


def test_the_kdd_cups_columns_are_understood(source: Source) -> None:
    text = ROLL_UP.replace("First Attempt", "Correct First Attempt").replace("KC (", "KC(")
    text = text.replace("incorrect", "0").replace("correct", "1").replace("\thint\t", "\t0\t")
    dataset = read(source(text))
    assert [a.response for a in dataset.students["s1"]] == [1, 0, 0]
    assert dataset.students["s1"][1].skill_ids == ("add", "carry")


def test_a_file_without_skills_says_so(source: Source) -> None:
    text = "Anon Student Id\tProblem Name\tStep Name\tFirst Attempt\tStep Start Time\ns\tP\t\tcorrect\t2008-09-19\n"
    dataset = read(source(text))
    assert dataset.students["s"][0].item_id == "P"
    assert dataset.notes[0] == "The file names no skills: mastery can only be shown per item."


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        (f"4||P1|S|correct|{TIME}|.|1|0|1|0||||", "Anon Student Id", "", NO_STUDENT),
        (f"4|s1||S|correct|{TIME}|.|1|0|1|0||||", "Problem Name", "", NO_ITEM),
        (f"4|s1|P1|S|maybe|{TIME}|.|1|0|1|0||||", "First Attempt", "maybe", NO_FIRST_ATTEMPT),
        (f"4|s1|P1|S||{TIME}|.|1|0|1|0||||", "First Attempt", "", NO_FIRST_ATTEMPT),
        ("4|s1|P1|S|correct|.|.|1|0|1|0||||", "First Transaction Time", "", NO_TIME),
        (
            "4|s1|P1|S|correct|19/9/08|.|1|0|1|0||||",
            "First Transaction Time",
            "19/9/08",
            "a time is ISO 8601, or seconds or milliseconds since 1970",
        ),
        (
            f"4|s1|P1|S|correct|{TIME}|.|-1|0|1|0||||",
            "Step Duration (sec)",
            "-1",
            "an elapsed time is not negative",
        ),
        (f"4|s1|P1|S|correct|{TIME}|.|1|-2|1|0||||", "Hints", "-2", "a count is not negative"),
        (f"4|s1|P1|S|correct|{TIME}|.|1|0|x|0||||", "Corrects", "x", "this column holds whole numbers"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    source: Source, row: str, column: str, value: str, rule: str
) -> None:
    text = ROLL_UP + "\t".join(row.split("|")) + "\n"
    assert rules_of(source(text)) == [(5, column, value, rule)]


def test_a_step_answered_before_it_started_is_kept_without_how_long_it_took(source: Source) -> None:
    started = "2008-09-19 13:30:47.0"
    dataset = read(
        source(
            table(
                f"1|s1|P1|A|correct|{TIME}|{started}|5|0|1|0|add|1||",
                f"2|s1|P1|B|correct|{started}|{TIME}|5|0|1|0|add|1||",
            )
        )
    )
    assert [(answer.item_id, answer.elapsed_seconds) for answer in dataset.students["s1"]] == [
        ("P1 / A", None),
        ("P1 / B", 5.0),
    ]
    assert any(note.startswith("1 answers end before they start") for note in dataset.notes)
