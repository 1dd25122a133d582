"""The raw exports of ASSISTments 2012, 2015 and 2017, by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowtrace.domain import Interaction
from knowtrace.sources import read

Source = Callable[..., Path]

RAW_2012 = (
    "problem_log_id,skill,problem_id,user_id,assignment_id,start_time,end_time,correct,hint_count,attempt_count,"
    "ms_first_response,skill_id,position\n"
    "902,Rounding,41,7,51,2012-09-28 15:11:27,2012-09-28 15:40:00,1,2,3,4500,12.0,9\n"
    "901,Rounding,42,7,51,2012-09-28 15:11:20,2012-09-28 15:11:27.5,0,0,1,60000,12.0,9\n"
    "901,Adding,42,7,51,2012-09-28 15:11:20,2012-09-28 15:11:27.5,0,0,1,60000,13.0,9\n"
    "903,,43,7,51,2012-09-28 16:00:00,2012-09-28 16:00:01,0.25,0,1,900,,9\n"
    "904,,43,7,51,2012-09-28 16:00:02,,1,0,1,,,9\n"
)


def test_2012_an_answer_came_its_first_response_time_after_the_start(source: Source) -> None:
    dataset = read(source(RAW_2012))
    assert dataset.format == "ASSISTments 2012 raw"
    at = datetime(2012, 9, 28, 15, 11, 31, 500_000, tzinfo=UTC)
    assert dataset.students["7"] == [
        Interaction(
            student_id="7",
            item_id="41",
            skill_ids=("12",),
            response=1,
            answered_at=at,
            elapsed_seconds=4.5,
            hints_used=2,
            attempt=3,
            session_id="51",
        ),
        Interaction(
            student_id="7",
            item_id="42",
            skill_ids=("12", "13"),
            response=0,
            answered_at=datetime(2012, 9, 28, 15, 12, 20, tzinfo=UTC),
            elapsed_seconds=60.0,
            hints_used=0,
            attempt=1,
            session_id="51",
        ),
        Interaction(
            student_id="7",
            item_id="43",
            skill_ids=(),
            response=1,
            answered_at=datetime(2012, 9, 28, 16, 0, 2, tzinfo=UTC),
            hints_used=0,
            attempt=1,
            session_id="51",
        ),
    ]
    assert dataset.skill_names == {"12": "Rounding", "13": "Adding"}
    assert dataset.num_merged == 1
    assert "Times have no zone in the source and were read as UTC." in dataset.notes


def test_2012_a_graded_essay_is_neither_right_nor_wrong_unless_credit_is_asked_for(source: Source) -> None:
    path = source(RAW_2012)
    assert [(r.line, r.column, r.value) for r in read(path).quarantined] == [(5, "correct", "0.25")]
    graded = read(path, responses="partial-credit")
    assert (graded.num_categories, graded.quarantined) == (5, ())


def test_2015_the_skill_builder_is_the_item_and_the_log_gives_the_order(source: Source) -> None:
    dataset = read(
        source(
            "user_id,log_id,sequence_id,correct\n50121,167478035,7014,0\n50121,167478021,7014.0,1.0\n"
            "50121,x,7014,1\n50121,167478077,7014,0.5\n"
        )
    )
    assert dataset.format == "ASSISTments 2015 raw"
    assert dataset.students["50121"] == [
        Interaction(student_id="50121", item_id=item, skill_ids=("7014",), response=response)
        for item, response in (("7014", 1), ("7014", 0))
    ]
    assert [(r.line, r.column, r.value) for r in dataset.quarantined] == [
        (4, "log_id", "x"),
        (5, "correct", "0.5"),
    ]


@pytest.mark.parametrize("number", ["action_num", "actionId"])
def test_2017_every_action_is_an_answer_in_the_order_of_its_end(source: Source, number: str) -> None:
    dataset = read(
        source(
            f"studentId,MiddleSchoolId,{number},skill,problemId,assignmentId,startTime,endTime,timeTaken,correct,"
            "hint,hintCount,hintTotal,attemptCount\n"
            "8,2,9951,properties-of-geometric-figures,950,20405010,1096470350,1096470360,10,1,0,2,4,77\n"
            "8,2,9950,properties-of-geometric-figures,950,20405010,1096470301,1096470350,49.5,0,1,1,4,76\n"
        )
    )
    assert dataset.format == "ASSISTments 2017 raw"
    assert dataset.students["8"] == [
        Interaction(
            student_id="8",
            item_id="950",
            skill_ids=("properties-of-geometric-figures",),
            response=response,
            answered_at=datetime.fromtimestamp(end, UTC),
            elapsed_seconds=elapsed,
            hints_used=hints,
            session_id="20405010",
        )
        for response, end, elapsed, hints in ((0, 1_096_470_350, 49.5, 1), (1, 1_096_470_360, 10.0, 2))
    ]
    assert dataset.notes[0] == "Rows are actions: a request for a hint counts as a wrong answer."


def test_2017_an_action_that_ends_before_it_starts_is_kept_without_how_long_it_took(source: Source) -> None:
    dataset = read(
        source(
            "studentId,skill,problemId,assignmentId,startTime,endTime,timeTaken,correct,hintCount\n"
            "8,area,950,1,1096470310,1096470300,10,1,0\n8,area,951,1,1096470310,1096470320,10,1,0\n"
            "8,area,952,1,,1096470330,10,1,0\n"
        )
    )
    assert [answer.elapsed_seconds for answer in dataset.students["8"]] == [None, 10.0, 10.0]
    assert any(note.startswith("1 answers end before they start") for note in dataset.notes)
