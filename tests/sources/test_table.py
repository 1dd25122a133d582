"""Tables of answers: golden rows, bad rows, and nothing lost on the way."""

import gzip
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.gathering import DUPLICATE, FUTURE
from knowtrace.sources.records import TOO_LONG
from knowtrace.standards.cells import NO_ITEM, NO_STUDENT

Source = Callable[..., Path]


def rules_of(path: Path) -> list[tuple[int, str, str, str]]:
    return [(row.line, row.column, row.value, row.rule) for row in read(path).quarantined]


def test_a_prepared_table_by_hand(golden: Path) -> None:
    dataset = read(golden / "answers.csv")
    assert dataset.students == {
        "ann": [
            Interaction(student_id="ann", item_id="0", skill_ids=("fractions", "ratios"), response=1),
            Interaction(student_id="ann", item_id="i2", skill_ids=("fractions",), response=0),
        ],
        "bob": [Interaction(student_id="bob", item_id="i2", skill_ids=("fractions",), response=1)],
    }
    assert dataset.splits == {"ann": "train", "bob": "test"}
    assert (dataset.format, dataset.num_categories, dataset.num_interactions) == ("answers table", 2, 3)
    assert (list(dataset.quarantined), list(dataset.notes)) == ([], [])


def test_without_an_item_column_the_skill_is_the_item(golden: Path) -> None:
    dataset = read(golden / "skills_only.csv")
    assert [(a.item_id, a.skill_ids, a.response) for a in dataset.students["ann"]] == [
        ("19", ("19",), 0),
        ("19", ("19",), 1),
    ]
    assert dataset.notes == ("No item column: the skill (skill_id) is the item.",)


def test_times_of_unknown_origin_keep_their_differences_and_say_so(golden: Path) -> None:
    dataset = read(golden / "timed.tsv")
    first, second = dataset.students["7"]
    assert first.answered_at is not None
    assert second.answered_at is not None
    assert second.answered_at - first.answered_at == timedelta(seconds=56)
    assert "unknown origin" in dataset.notes[0]


def test_own_column_names_are_mapped(source: Source) -> None:
    path = source(
        "pupil;problem;right;kc;when;took;helps;try;visit;page;part\n"
        "p1;x;1;a;2024-05-17T12:00:00Z;2.5;1;2;v1;c1;train\n"
    )
    columns = {
        "student": "pupil",
        "item": "problem",
        "correct": "right",
        "skill": "kc",
        "time": "when",
        "elapsed": "took",
        "hints": "helps",
        "attempt": "try",
        "session": "visit",
        "container": "page",
        "split": "part",
    }
    dataset = read(path, columns=columns)
    assert dataset.students["p1"] == [
        Interaction(
            student_id="p1",
            item_id="x",
            skill_ids=("a",),
            response=1,
            answered_at=datetime(2024, 5, 17, 12, tzinfo=UTC),
            elapsed_seconds=2.5,
            hints_used=1,
            attempt=2,
            session_id="v1",
            container_id="c1",
        )
    ]
    assert dataset.splits == {"p1": "train"}


@pytest.mark.parametrize("student", ["student", "student_id", "user_id"])
@pytest.mark.parametrize("item", ["item", "item_id", "question_id", "problem_id"])
def test_plain_names_need_no_mapping(source: Source, student: str, item: str) -> None:
    assert read(source(f"{student},{item},correct\ns,i,1\n")).students["s"][0].item_id == "i"


def test_a_graded_response_is_not_read_as_right_or_wrong(source: Source) -> None:
    graded = source("student,item,response\ns,i,0\ns,i,3\n")
    assert read(graded).num_categories == 4
    assert read(source("student,item,points\ns,i,2\n"), columns={"response": "points"}).num_categories == 3
    assert read(source("student,item,correct\ns,i,0\ns,j,3\n"), categories=4).num_categories == 4


def test_a_correct_column_holds_right_and_wrong_only(source: Source) -> None:
    rules = rules_of(source("student,item,correct\ns,i,1\ns,j,3\n"))
    assert rules == [(3, "correct", "3", "a response is an integer from 0 to 1")]


def test_rows_out_of_order_are_sorted_by_time_then_position_then_file(source: Source) -> None:
    dataset = read(
        source(
            "student,item,correct,time,position\n"
            "s,d,1,2024-01-02,1\ns,c,1,2024-01-01,2\ns,a,1,2024-01-01,1\ns,b,1,2024-01-01,1\n"
        )
    )
    assert [answer.item_id for answer in dataset.students["s"]] == ["a", "b", "c", "d"]
    assert "1 students' rows were out of order" in dataset.notes[0]


def test_file_order_stands_when_there_is_neither_time_nor_position(source: Source) -> None:
    dataset = read(source("student,item,correct\ns,b,1\ns,a,1\ns,b,1\n"))
    assert [answer.item_id for answer in dataset.students["s"]] == ["b", "a", "b"]
    assert dataset.quarantined == ()


def test_an_exact_repeat_is_quarantined(source: Source) -> None:
    path = source("student,item,correct,position\ns,a,1,0\ns,b,1,1\ns,a,1,0\ns,a,0,0\n")
    assert rules_of(path) == [(4, "", "a, 1", DUPLICATE)]
    assert [a.response for a in read(path).students["s"]] == [1, 0, 1]


def test_rows_that_differ_by_skill_are_one_answer(source: Source) -> None:
    dataset = read(source("student,item,correct,position,skill\ns,a,1,0,x\ns,a,1,0,y\ns,a,1,0,x\n"))
    assert [a.skill_ids for a in dataset.students["s"]] == [("x", "y")]
    assert (dataset.num_merged, [row.rule for row in dataset.quarantined]) == (1, [DUPLICATE])


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        (",i,1,2024-01-01,1,0", "student", "", NO_STUDENT),
        (" ,i,1,2024-01-01,1,0", "student", "", NO_STUDENT),
        ("s,,1,2024-01-01,1,0", "item", "", NO_ITEM),
        ("s,i,yes,2024-01-01,1,0", "correct", "yes", "a response is an integer from 0 to 1"),
        ("s,i,,2024-01-01,1,0", "correct", "", "a response is an integer from 0 to 1"),
        ("s,i,-1,2024-01-01,1,0", "correct", "-1", "a response is an integer from 0 to 1"),
        ("s,i,1,then,1,0", "time", "then", "a time is ISO 8601, or seconds or milliseconds since 1970"),
        ("s,i,1,,1,0", "time", "", "a time is ISO 8601, or seconds or milliseconds since 1970"),
        ("s,i,1,-7,1,0", "time", "-7", "a time is not negative and finite"),
        ("s,i,1,9999-01-01,1,0", "time", "9999-01-01", FUTURE),
        ("s,i,1,2024-01-01,-0.5,0", "elapsed", "-0.5", "an elapsed time is not negative"),
        ("s,i,1,2024-01-01,fast,0", "elapsed", "fast", "an elapsed time is a number"),
        ("s,i,1,2024-01-01,1,-2", "hints", "-2", "a count is not negative"),
        ("s,i,1,2024-01-01,1,some", "hints", "some", "this column holds whole numbers"),
        ("s,i,1,2024-01-01,1", "", "s,i,1,2024-01-01,1", "a row has 6 fields like the header, not 5"),
        ("s,i,1,2024-01-01,1,0,0", "", "s,i,1,2024-01-01,1,0,0", "a row has 6 fields like the header, not 7"),
        ("s," + "x" * 20_000 + ",1,2024-01-01,1,0", "item", "x" * 200, TOO_LONG),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    source: Source, row: str, column: str, value: str, rule: str
) -> None:
    path = source(f"student,item,correct,time,elapsed,hints\n{row}\nok,i,1,2024-01-01,1,0\n")
    assert rules_of(path) == [(2, column, value, rule)]
    assert list(read(path).students) == ["ok"]


def test_a_time_within_the_next_day_is_let_through(source: Source) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    later = (datetime.now(UTC) + timedelta(hours=25)).isoformat()
    assert rules_of(source(f"student,item,correct,time\ns,i,1,{soon}\ns,i,1,{later}\n"))[0][3] == FUTURE


def test_a_day_and_more_of_elapsed_time_is_unknown_with_a_note(source: Source) -> None:
    dataset = read(source("student,item,correct,elapsed\ns,i,1,90000\ns,i,1,\n"))
    assert [a.elapsed_seconds for a in dataset.students["s"]] == [None, None]
    assert dataset.notes == ("1 elapsed times exceed a day: kept as unknown.",)


def test_a_line_of_ten_megabytes_neither_crashes_nor_fills_memory(source: Source) -> None:
    path = source(b"student,item,correct\ns,a,1\ns," + b"x" * 10_000_000 + b",1\ns,b,1\n")
    tracemalloc.start()
    dataset = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [a.item_id for a in dataset.students["s"]] == ["a", "b"]
    assert [(row.line, row.rule, len(row.value)) for row in dataset.quarantined] == [(3, TOO_LONG, 200)]
    assert peak < 8_000_000


def test_a_split_within_a_student_is_no_split(source: Source) -> None:
    dataset = read(source("student,item,correct,split\ns,a,1,train\ns,b,1,test\n"))
    assert dataset.splits == {}
    assert dataset.notes == ("The split column is not one split per student: ignored.",)


def test_skill_names_are_found_beside_the_answers(source: Source) -> None:
    source("skill_id,skill_name\n5,Number Line\n6,\n", "skills.csv")
    assert read(source("student,item,skill,correct\ns,a,5,1\n")).skill_names == {"5": "Number Line"}
    source("name,age\nx,3\n", "skills.csv")
    assert read(source("student,item,skill,correct\ns,a,5,1\n")).skill_names == {}


def test_missing_columns_are_named_with_those_found_and_the_way_out(source: Source) -> None:
    path = source("pupil,problem,correct\ns,i,1\n")
    with pytest.raises(DataError) as error:
        read(path)
    assert str(error.value) == (
        "answers.csv has no column for student, item among its columns (pupil, problem, correct): "
        "name them with columns= in Python or --columns student=…,item=… on the command line."
    )
    with pytest.raises(DataError, match="no column for correct"):
        read(source("student,item\ns,i\n"))


def test_a_mapping_to_nothing_is_refused(source: Source) -> None:
    path = source("student,item,correct\ns,i,1\n")
    with pytest.raises(DataError, match="has no column 'pupil' for student: it has student, item, correct"):
        read(path, columns={"student": "pupil"})
    with pytest.raises(DataError, match="columns has the key 'teacher', which is not one of student, item"):
        read(path, columns={"teacher": "student"})


def test_a_table_of_bad_rows_only_shows_the_first(source: Source) -> None:
    message = (
        r"None of the 2 rows of answers.csv is an answer; the first \(answers.csv line 2, column student"
    )
    with pytest.raises(DataError, match=message):
        read(source("student,item,correct\n,i,1\ns,,1\n"))
    with pytest.raises(DataError, match="holds no answers, only a header"):
        read(source("student,item,correct\n"))


def test_gzip_and_plain_are_the_same(source: Source, golden: Path) -> None:
    packed = source(gzip.compress((golden / "answers.csv").read_bytes()), "answers.csv.gz")
    assert read(packed).students == read(golden / "answers.csv").students


cells = ["", "0", "1", "2", "-1", "a", "b", "x;y", "nan", "2024-01-01", "12", 'a"b']
tables = st.lists(st.lists(st.sampled_from(cells), min_size=5, max_size=7).map(",".join), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tables)
def test_every_row_is_an_answer_a_merged_row_or_quarantined(source: Source, rows: list[str]) -> None:
    dataset = read(
        source("\n".join(["student,item,correct,position,skill,elapsed", "ok,ok,1,0,ok,1", *rows]))
    )
    assert dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) == 1 + len(rows)
    histories = dataset.students.values()
    assert all(0 <= answer.response < dataset.num_categories for history in histories for answer in history)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(['s,"a",1', 's,"a,1', '"s,a,1', "s,a,1"]), max_size=12))
def test_a_quote_left_open_never_costs_another_row(source: Source, rows: list[str]) -> None:
    dataset = read(source("\n".join(["student,item,correct", "ok,ok,1", *rows])))
    assert dataset.num_interactions + len(dataset.quarantined) == 1 + len(rows)
