"""Three and four lines per student, by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest

from knowtrace.sources import read
from knowtrace.sources.line_text import UNEQUAL, WRONG_LENGTH, lines_per_student
from knowtrace.sources.records import TOO_LONG

Source = Callable[..., Path]


def test_three_lines_with_ordered_responses(golden: Path) -> None:
    dataset = read(golden / "three_line.txt")
    assert dataset.format == "three-line text"
    assert dataset.num_categories == 4
    assert {s: [(a.item_id, a.response) for a in history] for s, history in dataset.students.items()} == {
        "1": [("0", 0), ("5", 3), ("5", 1)],
        "2": [("4", 2), ("0", 2)],
    }
    assert all(a.skill_ids == () for history in dataset.students.values() for a in history)
    assert "The file names no students: they are numbered in file order." in dataset.notes


def test_partial_credit_becomes_categories(golden: Path) -> None:
    dataset = read(golden / "partial_credit.txt")
    assert [a.response for a in dataset.students["1"]] == [0, 1, 2, 3]
    assert [a.response for a in dataset.students["2"]] == [3, 1]
    assert dataset.num_categories == 4
    assert any("partial-credit" in note for note in dataset.notes)


def test_partial_credit_can_be_said(source: Source) -> None:
    path = source("2\n1,2\n1,0\n")
    assert [a.response for a in read(path, responses="partial-credit", categories=4).students["1"]] == [3, 0]
    assert [a.response for a in read(path, responses="ordered", categories=4).students["1"]] == [1, 0]


def test_partial_credit_read_as_ordered_is_refused_not_cut_to_wrong(golden: Path) -> None:
    dataset = read(golden / "partial_credit.txt", responses="ordered", categories=4)
    assert [a.response for a in dataset.students["1"]] == [0, 1]
    assert [row.value for row in dataset.quarantined] == ["0.333", "0.667", "0.333"]


def test_four_lines_name_the_student_and_the_skills(golden: Path) -> None:
    dataset = read(golden / "four_line.txt")
    assert dataset.format == "four-line text"
    assert {
        s: [(a.item_id, a.skill_ids, a.response) for a in history] for s, history in dataset.students.items()
    } == {
        "17": [("11", ("5",), 1), ("12", ("5",), 0), ("13", ("6", "7"), 1)],
        "23": [("11", ("5",), 0), ("12", ("5",), 0)],
    }


@pytest.mark.parametrize(
    ("headers", "students"),
    [
        (("9,3", "8,2"), ["9", "8"]),
        (("3,9", "2,8"), ["9", "8"]),
        (("0,90", "1,80"), ["90", "80"]),
        (("3", "2"), ["1", "2"]),
        (("90", "80"), ["90", "80"]),
    ],
)
def test_the_header_is_read_as_length_or_student(
    source: Source, headers: tuple[str, str], students: list[str]
) -> None:
    path = source(f"{headers[0]}\n5,6,7\n1,0,1\n{headers[1]}\n5,6\n1,1\n")
    assert list(read(path).students) == students


def test_the_comma_that_ends_akts_lines_is_no_value(source: Source) -> None:
    assert read(source("2\n5,6,\n1,0,\n")).num_interactions == 2


def test_a_student_who_comes_again_goes_on(source: Source) -> None:
    history = read(source("7,2\n5,6\n1,0\n7,1\n8\n1\n8,1\n8\n1\n")).students["7"]
    assert [answer.item_id for answer in history] == ["5", "6", "8"]


def test_bad_blocks_and_bad_answers_are_quarantined(source: Source) -> None:
    path = source("2\n5,6\n1,0\n3\n5,6,7\n1,0\n5\n5,6\n1,0\n2\n5,\n1\n2\n5,6\n1,x\n2\n,6\n1,1\n2\n1,2\n")
    rows = read(path).quarantined
    assert [(row.line, row.value, row.rule) for row in rows] == [
        (4, "3, 2", UNEQUAL),
        (7, "5", WRONG_LENGTH),
        (10, "2", WRONG_LENGTH),
        (15, "x", "a response is an integer from 0 to 9"),
        (17, "", "every answer names its item"),
        (19, "2", "a student has 3 lines"),
    ]


def test_a_line_too_long_to_hold_costs_one_student(source: Source) -> None:
    path = source("2\n5,6\n1,0\n" * 20 + "2\n" + "7," * 600_000 + "\n1,0\n2\n5,6\n1,1\n")
    dataset = read(path)
    assert len(dataset.students) == 21
    assert [(row.line, row.rule) for row in dataset.quarantined] == [(62, TOO_LONG)]


def test_a_table_is_not_taken_for_such_a_text() -> None:
    assert lines_per_student(["student,item,correct", "1,2,1"]) is None
    assert lines_per_student(["1,2,3", "1,2,3", "1,0,1"]) is None
    assert lines_per_student(["2", "1,2", "1,0"]) == 3
    assert lines_per_student(["2", "1,2", "7,7", "1,0"]) == 4
