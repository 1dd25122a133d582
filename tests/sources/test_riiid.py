"""Riiid's Kaggle table, by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.riiid import KEY_DISAGREES, UNKNOWN_KIND, UNKNOWN_QUESTION
from knowtrace.standards.cells import NO_STUDENT

Source = Callable[..., Path]

QUESTIONS = (
    "question_id,bundle_id,correct_answer,part,tags\n0,0,0,1,51 131\n1,1,3,1,131\n2,1,1,1,\n3,3,2,1,9 9\n"
)
HEADER = (
    "row_id,timestamp,user_id,content_id,content_type_id,task_container_id,user_answer,answered_correctly,"
    "prior_question_elapsed_time,prior_question_had_explanation\n"
)
LOG = HEADER + (
    "0,0,115,0,0,1,0,1,,\n"
    "1,56943,115,89,1,2,-1,-1,,False\n"
    "2,118363,115,1,0,3,2,0,37000.0,False\n"
    "3,118363,115,2,0,3,1,1,37000.0,False\n"
    "4,90000000000,115,3,0,4,2,1,55500.0,True\n"
)


def since_first(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


@pytest.fixture
def log(source: Source) -> Callable[[str], Path]:
    """Return a function that writes train.csv beside the questions."""
    source(QUESTIONS, "questions.csv")
    return lambda text: source(text, "train.csv")


def rules_of(path: Path) -> list[tuple[int, str, str, str]]:
    return [(row.line, row.column, row.value, row.rule) for row in read(path).quarantined]


def test_the_time_a_bundle_took_is_shifted_back_to_it(log: Callable[[str], Path]) -> None:
    dataset = read(log(LOG))
    assert (dataset.format, dataset.num_categories) == ("Riiid", 2)
    assert dataset.students == {
        "115": [
            Interaction(
                student_id="115",
                item_id="0",
                skill_ids=("51", "131"),
                response=1,
                answered_at=since_first(0),
                elapsed_seconds=37.0,
                container_id="1",
            ),
            Interaction(
                student_id="115",
                item_id="1",
                skill_ids=("131",),
                response=0,
                answered_at=since_first(118_363),
                elapsed_seconds=55.5,
                container_id="3",
            ),
            Interaction(
                student_id="115",
                item_id="2",
                skill_ids=(),
                response=1,
                answered_at=since_first(118_363),
                elapsed_seconds=55.5,
                container_id="3",
            ),
            Interaction(
                student_id="115",
                item_id="3",
                skill_ids=("9",),
                response=1,
                answered_at=since_first(90_000_000_000),
                elapsed_seconds=None,
                container_id="4",
            ),
        ]
    }


def test_lectures_are_counted_and_times_say_that_they_are_relative(log: Callable[[str], Path]) -> None:
    dataset = read(log(LOG))
    assert dataset.notes[:2] == (
        "1 rows are lectures, not answers.",
        "Times count from each student's own first event.",
    )
    assert "unknown origin" in dataset.notes[2]
    assert dataset.quarantined == ()


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        ("9,5,,0,0,1,0,1,,", "user_id", "", NO_STUDENT),
        ("9,5,7,0,2,1,0,1,,", "content_type_id", "2", UNKNOWN_KIND),
        ("9,5,7,77,0,1,0,1,,", "content_id", "77", UNKNOWN_QUESTION),
        ("9,5,7,0,0,1,3,1,,", "user_answer", "3", KEY_DISAGREES),
        ("9,5,7,0,0,1,0,0,,", "user_answer", "0", KEY_DISAGREES),
        ("9,5,7,0,0,1,0,-1,,", "answered_correctly", "-1", "a response is an integer from 0 to 1"),
        ("9,-5,7,0,0,1,0,1,,", "timestamp", "-0.005", "a time is not negative and finite"),
        ("9,soon,7,0,0,1,0,1,,", "timestamp", "soon", "this column holds whole numbers"),
        ("x,5,7,0,0,1,0,1,,", "row_id", "x", "this column holds whole numbers"),
        ("9,5,7,0,0,1,0,1,-3,", "prior_question_elapsed_time", "-3", "an elapsed time is not negative"),
        ("9,5,7,0,0,1,0,1,", "", "9,5,7,0,0,1,0,1,", "a row has 10 fields like the header, not 9"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    log: Callable[[str], Path], row: str, column: str, value: str, rule: str
) -> None:
    assert rules_of(log(f"{LOG}{row}\n")) == [(7, column, value, rule)]


@pytest.mark.parametrize("nobody_knows", ["NA", "N/A", "nan", "NaN", "<NA>", "NULL", "None", " ", ""])
def test_an_elapsed_time_that_nobody_knows_costs_no_answer(
    log: Callable[[str], Path], nobody_knows: str
) -> None:
    dataset = read(log(LOG.replace("37000.0", nobody_knows)))
    assert dataset.quarantined == ()
    assert [a.elapsed_seconds for a in dataset.students["115"]] == [None, 55.5, 55.5, None]


def test_a_rejected_row_still_stands_between_the_containers(log: Callable[[str], Path]) -> None:
    """Container 3 took 55.5 s a question; container 1 must not inherit it when container 3 is rejected."""
    for broken in (
        LOG.replace("118363,115,1,0", "118363,115,77,0"),
        LOG.replace("2,118363,", "2,then,"),
        LOG.replace("118363,115,1,0,3", "118363,115,1,2,3"),
    ):
        path = log(broken.replace("3,118363,115,2,0,3,1,1,37000.0,False\n", ""))
        assert [a.elapsed_seconds for a in read(path).students["115"]] == [
            37.0 if "77" in broken else None,
            None,
        ]


def test_rows_out_of_order_are_sorted_before_the_shift(log: Callable[[str], Path]) -> None:
    header, *rows = LOG.splitlines()
    shuffled = read(log("\n".join([header, *reversed(rows)])))
    assert shuffled.students == read(log(LOG)).students


def test_an_elapsed_time_beyond_a_day_is_unknown(log: Callable[[str], Path]) -> None:
    dataset = read(log(LOG.replace("37000.0", "86400001")))
    assert dataset.students["115"][0].elapsed_seconds is None
    assert "2 elapsed times exceed a day: kept as unknown." in dataset.notes


def test_the_table_of_questions_is_needed_with_its_columns(source: Source, tmp_path: Path) -> None:
    alone = source(LOG, "train.csv")
    with pytest.raises(DataError, match=r"Riiid answers need the table questions.csv, which is not beside"):
        read(alone)
    source("question_id,part\n0,1\n", "questions.csv")
    with pytest.raises(DataError, match=r"questions.csv has no column bundle_id, correct_answer, tags"):
        read(alone)
    contents = tmp_path / "contents"
    contents.mkdir()
    (contents / "questions.csv").write_text(QUESTIONS)
    assert read(alone, contents=contents).num_interactions == 4


bundles = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 80_000)), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(bundles)
def test_every_bundle_gets_the_time_that_the_next_one_states(
    log: Callable[[str], Path], bundles: list[tuple[int, int]]
) -> None:
    rows, priors = [HEADER.strip()], ["", *(str(elapsed) for _, elapsed in bundles)]
    for container, (size, _) in enumerate(bundles):
        for _ in range(size):
            row_id = len(rows)
            rows.append(f"{row_id},{container * 100},1,0,0,{container},0,1,{priors[container]},")
            if row_id % 3 == 0:
                rows.append(f"{len(rows)},{container * 100},1,5,1,99,-1,-1,,")
    history = read(log("\n".join(rows))).students["1"]
    stated = [elapsed / 1000 for size, elapsed in bundles[:-1] for _ in range(size)]
    assert [answer.elapsed_seconds for answer in history] == stated + [None] * bundles[-1][0]
