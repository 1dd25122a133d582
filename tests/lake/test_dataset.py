"""Training reads a lake's gold sequences: the same answers as its source, one student in memory at a time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import SilentReporter
from typer.testing import CliRunner

from knowtrace.cli import app
from knowtrace.domain import given_together
from knowtrace.lake import build_lake, read_lake
from knowtrace.lake.commits import LOG
from knowtrace.models import build_model
from knowtrace.registry import RECURRENCE, run_files
from knowtrace.sources import read
from knowtrace.training import (
    Fit,
    Recipe,
    TrainingConfig,
    build_vocabulary,
    encode,
    fit,
    split_students,
    stretches,
    train,
)
from knowtrace.training.scratch import MEMORY, Scratch
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare
from lake.lake_rows import histories_of

FIGURES = ("train_loss", "valid_auc", "valid_nll")


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


def test_reading_writes_nothing_into_the_lake(kt1_lake: Path, tmp_path: Path) -> None:
    before = sorted(kt1_lake.rglob("*"))
    dataset = read_lake(kt1_lake)
    list(next(iter(dataset.students.values())))
    train(dataset, Recipe(model="item-mean"), tmp_path / "run", reporter=SilentReporter())
    assert sorted(kt1_lake.rglob("*")) == before
    # The file that is not there is for models that are recurrences; an item's mean is none.
    expected = ({path.name for path in run_files(tmp_path / "run").values()} | {"manifest.json"}) - {
        RECURRENCE
    }
    assert {path.name for path in (tmp_path / "run").iterdir()} == expected


@pytest.mark.parametrize("model", ["dkt", "mingru"])
def test_streamed_training_is_that_in_memory(
    model: str, kt1_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same lake as shards into mapped files, and as interactions into memory: every figure is equal."""
    monkeypatch.setattr(stretches, "ANSWERS_AT_ONCE", 100)
    monkeypatch.setattr("knowtrace.lake.dataset.STUDENTS_AT_ONCE", 3)
    shards = read_lake(kt1_lake)
    split = split_students(shards)
    found: list[Fit] = []
    for dataset, scratch in ((shards, Scratch(tmp_path)), (replace(shards, shards=None), MEMORY)):
        vocabulary = build_vocabulary(dataset, split.train)
        learnt, valid = (
            encode(
                dataset, part, vocabulary, groups={s: 1 + n % 10 for n, s in enumerate(part)}, scratch=scratch
            )
            for part in (split.train, split.valid)
        )
        torch.manual_seed(0)
        built = build_model(model, sizes_of(vocabulary))
        prepare(built, vocabulary, learnt)
        config = TrainingConfig(epochs=2, batch_answers=256, longest=20)
        checkpoint = tmp_path / f"{len(found)}.safetensors"
        found.append(fit(built, learnt, valid, config, reporter=SilentReporter(), checkpoint=checkpoint))
    streamed, held = ([[epoch[name] for name in FIGURES] for epoch in one.history] for one in found)
    assert streamed == held
    weights = [one.model.state_dict() for one in found]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
