"""Training reads a lake's gold sequences: the same answers as its source, one student in memory at a time."""

import json
from pathlib import Path

from typer.testing import CliRunner

from knowtrace.cli import app
from knowtrace.domain import given_together
from knowtrace.lake import build_lake, read_lake
from knowtrace.lake.commits import LOG
from knowtrace.sources import read
from lake.lake_rows import histories_of


def test_a_lakes_dataset_is_its_sources(kt1: Path, kt1_lake: Path) -> None:
    ours, source = read_lake(kt1_lake), read(kt1)
    without_container = [
        {student: [answer[:5] for answer in history] for student, history in histories_of(dataset).items()}
        for dataset in (ours, source)
    ]
    assert without_container[0] == without_container[1]
    assert ours.num_interactions == source.num_interactions
    assert set(ours.splits.values()) == {"train", "valid", "test"}


def test_answers_given_together_stay_together(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    first, second, third = read_lake(tmp_path / "lake").students["u1"]
    assert given_together(first, second)
    assert not given_together(second, third)


def test_published_splits_count_where_every_student_has_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("student,item,correct,split\ns,a,1,test\nt,a,0,fold1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [tmp_path / "a.csv"])
    assert read_lake(tmp_path / "lake").splits == {"s": "test", "t": "fold1"}
    (tmp_path / "b.csv").write_text("student,item,correct\nu,a,1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [tmp_path / "b.csv"])
    assert set(read_lake(tmp_path / "lake").splits.values()) <= {"train", "valid", "test"}


def test_a_model_trains_on_a_lake(kt1_lake: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train = ["train", "--model", "item-mean", "--data", str(kt1_lake), "--out", str(run)]
    result = CliRunner().invoke(app, train)
    assert result.exit_code == 0, result.output
    judged = CliRunner().invoke(app, ["evaluate", str(run), "--data", str(kt1_lake), "--json"])
    assert json.loads(judged.stdout)["n_scored"] > 0


def test_the_command_line_knows_a_lake_by_its_log() -> None:
    from knowtrace.cli.terminal import LAKE_LOG

    assert LAKE_LOG == LOG


def test_readers_at_once_leave_each_other_alone(kt1_lake: Path) -> None:
    for written in kt1_lake.glob("[0-9]*_sequences.arrow"):
        written.unlink()
    draft = kt1_lake / ".of-another-reader_sequences.arrow"
    draft.touch()
    read_lake(kt1_lake)
    assert draft.exists()
    draft.unlink()
