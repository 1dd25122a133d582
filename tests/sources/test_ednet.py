"""EdNet KT1 and KT4, by hand."""

import gzip
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.ednet import NO_CHOICE, UNKNOWN_QUESTION, UNREADABLE
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
                container_id="b1@1",
            ),
            Interaction(
                student_id="u1",
                item_id="q2",
                skill_ids=(),
                response=0,
                answered_at=at(1565096221062),
                elapsed_seconds=24.0,
                container_id="b2@2",
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
        ("q1", 1, "b1@1565096130000", at(1565096130000)),
        ("q3", 0, "b2@1565096160000", at(1565096160000)),
        ("q2", 0, "b2@1565096160000", at(1565096160000)),
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
    assert dataset.notes[:2] == (
        "9 rows are actions other than answering.",
        "1 of them have names that EdNet KT4 does not define: watch_lecture 1.",
    )
    num_rows = dataset.num_interactions + dataset.num_merged + len(dataset.quarantined) + 9
    assert num_rows == len((golden / "ednet" / "KT4" / "u2.csv").read_text().splitlines()) - 1


def test_a_bundle_met_twice_in_a_row_is_two_containers(golden: Path, tmp_path: Path) -> None:
    shutil.copy(golden / "ednet" / "questions.csv", tmp_path)
    for form in ("KT1", "KT4"):
        (tmp_path / form).mkdir()
    (tmp_path / "KT1" / "u1.csv").write_text(
        "timestamp,solving_id,question_id,user_answer,elapsed_time\n"
        "1565096110000,1,q2,a,1000\n1565096110000,1,q3,a,1000\n"
        "1565096120000,2,q2,a,1000\n1565096120000,2,q3,b,1000\n"
    )
    visit = "{0}100,enter,b2\n{0}200,respond,q2,{1}\n{0}300,respond,q3,{1}\n{0}400,submit,b2\n"
    lines = (visit.format("1565096110", "a") + visit.format("1565096120", "b")).splitlines()
    (tmp_path / "KT4" / "u1.csv").write_text(
        "timestamp,action_type,item_id,user_answer\n"
        + "".join(f"{line}{',' * (3 - line.count(','))}\n" for line in lines)
    )
    for form, ends in (("KT1", ("1", "2")), ("KT4", ("1565096110400", "1565096120400"))):
        history = read(tmp_path / form).students["u1"]
        assert [a.item_id for a in history] == ["q2", "q3", "q2", "q3"]
        assert [a.container_id for a in history] == [f"b2@{end}" for end in ends for _ in range(2)]


def test_answers_of_bundles_open_at_once_stand_together(golden: Path, tmp_path: Path) -> None:
    """Two bundles answered in turns: each one's answers follow one another, in the order of the submissions."""
    shutil.copy(golden / "ednet" / "questions.csv", tmp_path)
    (tmp_path / "u1.csv").write_text(
        "timestamp,action_type,item_id,user_answer\n1000,enter,b2,\n2000,respond,q2,a\n3000,enter,b1,\n"
        "4000,respond,q1,a\n5000,respond,q3,a\n6000,submit,b1,\n9000,submit,b2,\n"
    )
    history = read(tmp_path / "u1.csv").students["u1"]
    assert [(a.item_id, a.container_id, a.elapsed_seconds) for a in history] == [
        ("q1", "b1@6000", 3.0),
        ("q2", "b2@9000", 4.0),
        ("q3", "b2@9000", 4.0),
    ]


def test_an_unreadable_file_of_a_folder_is_named_and_the_others_are_read(
    golden: Path, tmp_path: Path
) -> None:
    """Cut off amid its gzip data, no text, empty, a folder, a name that is no text; and the first names no columns."""
    folder = tmp_path / "KT1"
    shutil.copytree(golden / "ednet" / "KT1", folder)
    shutil.copy(golden / "ednet" / "questions.csv", tmp_path)
    rows = (
        "timestamp,solving_id,question_id,user_answer,elapsed_time\n" + "1565096190868,1,q1,b,38000\n" * 9_999
    )
    (folder / "u0.csv.gz").write_bytes(gzip.compress(rows.encode(), mtime=0)[:-30])
    (folder / "u2.csv").write_bytes(rows[:200].encode() + b"\xff\xff")
    (folder / "u3.csv").write_bytes(b"")
    (folder / "u4.csv").mkdir()
    (folder / "u5\udcff.csv").write_text(rows[:100])
    dataset = read(folder)
    assert list(dataset.students) == ["u1"]
    assert dataset.num_interactions == 2
    unread = [
        (row.file, row.line, row.value.partition(" ")[2][:9]) for row in dataset.quarantined if not row.line
    ]
    assert unread == [
        ("u0.csv.gz", 0, "ends amid"),
        ("u2.csv", 0, "holds the"),
        ("u3.csv", 0, "is empty "),
        ("u4.csv", 0, "cannot be"),
        ("u5\ufffd.csv", 0, "names its"),
    ]
    assert {row.rule for row in dataset.quarantined if not row.line} == {UNREADABLE}
    assert len(dataset.quarantined) == 5 + 3
    with pytest.raises(DataError, match="ends amid its gzip data"):
        read(folder / "u0.csv.gz")


def test_a_folder_without_a_readable_file_says_why(golden: Path, tmp_path: Path) -> None:
    shutil.copy(golden / "ednet" / "questions.csv", tmp_path)
    for name in ("u1.csv", "u2.csv"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"u1.csv is empty"):
        read(tmp_path)


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
