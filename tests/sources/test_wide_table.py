"""Wide tables: a row per student, a column per item."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.wide_table import is_wide_table, read_wide_table, write_answers

Source = Callable[..., Path]


def test_counts_students_and_empty_cells(source: Source) -> None:
    table = read_wide_table(source("ID,q1,q2,Freq\nann,1,,3\nbob,0.0,NA,2\n"))
    assert (table.items, table.students) == (("q1", "q2"), ("ann", "bob"))
    np.testing.assert_array_equal(table.values, [[1, np.nan], [0, np.nan]])
    assert table.counts.tolist() == [3, 2]


def test_items_and_drop_take_patterns(source: Source) -> None:
    path = source("q1,q2,sex,age\n1,0,f,31\n0,1,m,44\n")
    assert read_wide_table(path, items=["q*"]).items == ("q1", "q2")
    assert read_wide_table(path, drop=["sex", "a*"]).items == ("q1", "q2")
    assert read_wide_table(path, items=["q*", "age"], drop=["q2"]).items == ("q1", "age")


def test_gzip_and_semicolons(source: Source) -> None:
    table = read_wide_table(source(gzip.compress(b"q1;q2\n1;0\n"), "t.csv.gz"))
    assert (table.items, table.students) == (("q1", "q2"), ("2",))


@pytest.mark.parametrize(
    ("text", "options", "because"),
    [
        ("a,sex,b,year\n1,f,0,x\n", {}, "not numbers in sex (line 2: 'f'); year (line 2: 'x')"),
        ("a,b\n1,0\n", {"items": ["c"]}, "has no column 'c' for --items: it has a, b."),
        ("a,b\n1,0\n", {"drop": ["?"]}, "has no item columns left of a, b"),
        ("a,a\n1,0\n", {}, "has the column 'a' twice"),
        ("a,b\n", {}, "has a header and no row below it"),
        ("a,b\n1,0\n1\n", {}, "line 3: a row has 2 fields like the header, not 1 (1 such rows)"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(source: Source, text: str, options: dict, because: str) -> None:
    with pytest.raises(DataError) as raised:
        read_wide_table(source(text), **options)
    assert because in str(raised.value)


def test_other_formats_are_told_apart(source: Source, golden: Path, tmp_path: Path) -> None:
    assert is_wide_table(source("q1,q2\n1,0\n"))
    assert not is_wide_table(source("student,item,correct\na,b,1\n"))
    assert not is_wide_table(golden / "answers.csv")
    assert not is_wide_table(tmp_path)
    assert not is_wide_table(source('[{"q1": 1}]'))
    assert not is_wide_table(source("assignment_log_id,timestamp,problem_id,action\nA,1,P,x\n"))


def test_a_wide_table_becomes_a_row_per_answer_in_the_order_of_its_columns(
    source: Source, tmp_path: Path
) -> None:
    table = read_wide_table(source("id,q2,q1,sex\nann,3,,1\nbob,0,2.0,0\n"), drop=["sex"])
    assert write_answers(table, tmp_path / "long.csv") == 3
    dataset = read(tmp_path / "long.csv")
    answers = {s: [(a.item_id, a.response) for a in history] for s, history in dataset.students.items()}
    assert answers == {"ann": [("q2", 3)], "bob": [("q2", 0), ("q1", 2)]}
    assert dataset.num_categories == 4


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (
            "q1,q2,q3,q4\n1,0.5,0,inf\n1,1,-1,0\n",
            r"no category 0, 1, 2 … in q2 \(0.5\), q3 \(-1\), q4 \(inf\)",
        ),
        ("q1,count\n1,3\n", "a row of it has no history of its own"),
    ],
)
def test_a_wide_table_that_holds_no_answers_of_single_students_is_refused(
    source: Source, tmp_path: Path, text: str, because: str
) -> None:
    with pytest.raises(DataError, match=because):
        write_answers(read_wide_table(source(text)), tmp_path / "long.csv")
    assert not (tmp_path / "long.csv").exists()
