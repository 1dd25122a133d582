"""EdNet KT1 and KT4, by hand."""

import gzip
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.ednet import NO_CHOICE, UNKNOWN_QUESTION
from knowtrace.sources.ednet_kt4 import NOT_SUBMITTED


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def test_kt1_takes_the_key_and_the_skills_from_the_contents(golden: Path) -> None:
    dataset = read(golden / "ednet" / "KT1")
    assert dataset.format == "EdNet KT1"
    assert dataset.students == {
        "u1": [
            Interaction(
                student_id="u1",
                item_id="q1",
                skill_ids=("1", "2", "179"),
                response=1,
                answered_at=at(1565096190868),
                elapsed_seconds=38.0,
                container_id="b1",
            ),
            Interaction(
                student_id="u1",
                item_id="q2",
                skill_ids=(),
                response=0,
                answered_at=at(1565096221062),
                elapsed_seconds=24.0,
                container_id="b2",
            ),
        ]
    }
    assert [(row.file, row.line, row.column, row.value, row.rule) for row in dataset.quarantined] == [
        ("u1.csv", 4, "elapsed_time", "-1", "an elapsed time is not negative"),
        ("u1.csv", 5, "question_id", "q9", UNKNOWN_QUESTION),
        ("u1.csv", 6, "user_answer", "", NO_CHOICE),
    ]


def test_one_students_file_is_read_alone(golden: Path) -> None:
    assert list(read(golden / "ednet" / "KT1" / "u1.csv").students) == ["u1"]
    assert list(read(golden / "ednet" / "KT4" / "u2.csv").students) == ["u2"]


def test_kt4_takes_the_last_response_before_submit(golden: Path) -> None:
    dataset = read(golden / "ednet" / "KT4")
    assert dataset.format == "EdNet KT4"
    history = dataset.students["u2"]
    assert [(a.item_id, a.response, a.container_id, a.answered_at) for a in history] == [
        ("q1", 1, "b1", at(1565096120000)),
        ("q3", 0, "b2", at(1565096142000)),
        ("q2", 0, "b2", at(1565096143000)),
    ]
    assert dataset.num_merged == 2


def test_kt4_shares_the_bundles_time_equally(golden: Path) -> None:
    history = read(golden / "ednet" / "KT4").students["u2"]
    assert [answer.elapsed_seconds for answer in history] == [30.0, 10.0, 10.0]


def test_kt4_quarantines_what_was_never_submitted_and_counts_other_actions(golden: Path) -> None:
    dataset = read(golden / "ednet" / "KT4")
    assert [(row.line, row.column, row.value, row.rule) for row in dataset.quarantined] == [
        (14, "item_id", "q1", NOT_SUBMITTED),
        (16, "item_id", "q9", UNKNOWN_QUESTION),
    ]
    assert dataset.notes[0] == "8 rows are actions other than answering."
    num_rows = dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) + 8
    assert num_rows == len((golden / "ednet" / "KT4" / "u2.csv").read_text().splitlines()) - 1


def test_contents_can_be_given_as_a_file_or_its_folder(golden: Path, tmp_path: Path) -> None:
    alone = tmp_path / "somewhere" / "u1.csv"
    alone.parent.mkdir()
    shutil.copy(golden / "ednet" / "KT1" / "u1.csv", alone)
    with pytest.raises(DataError, match=r"need the table questions.csv, which is not beside u1.csv"):
        read(alone)
    for contents in (golden / "ednet", golden / "ednet" / "questions.csv"):
        assert read(alone, contents=contents).num_interactions == 2
    with pytest.raises(DataError, match=r"questions.csv, which is not in .*nowhere"):
        read(alone, contents=tmp_path / "nowhere")


def test_a_file_of_another_kind_among_the_students_is_named(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "KT1"
    shutil.copytree(golden / "ednet" / "KT1", folder)
    shutil.copy(golden / "ednet" / "questions.csv", tmp_path)
    (folder / "u9.csv").write_bytes(gzip.compress(b"name,age\nx,3\n"))
    with pytest.raises(DataError, match=r"u9.csv \(name, age\) is not EdNet KT1"):
        read(folder)


def test_a_table_of_questions_needs_its_columns(golden: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "questions.csv"
    wrong.write_text("question_id,part\nq1,1\n")
    with pytest.raises(DataError, match="has no column bundle_id, correct_answer, tags"):
        read(golden / "ednet" / "KT1", contents=wrong)
