"""`knowtrace models`, `train` and `evaluate`, as a person types them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import torch

from knowtrace import cli
from knowtrace.models import MODELS
from knowtrace.registry import Run
from knowtrace.sources import SimulationConfig, simulate, write_simulation

from .conftest import Knowtrace, Said

NARROW = "embedding_dim=8,hidden_dim=8"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 simulated students."""
    folder = tmp_path_factory.mktemp("data") / "simulated"
    config = SimulationConfig(num_students=60, num_answers=25, num_items=20, num_skills=4)
    write_simulation(simulate(config, seed=5), folder)
    return folder


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    """A table with a published split in three folds."""
    rows = [f"s{n},i{k},{(n + k) % 2},fold{n % 3}" for n in range(9) for k in range(6)]
    path = tmp_path / "folds.csv"
    path.write_text("\n".join(["student,item,correct,split", *rows]) + "\n")
    return path


def assert_refused(said: Said, *, because: str) -> None:
    """Exit code 2 and one line that says why; no traceback, nothing on standard output."""
    assert said.code == 2
    lines = said.error.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
    assert because in lines[-1]
    assert "Traceback" not in said.error
    assert said.out == ""


def test_models_are_listed_with_their_settings(knowtrace: Knowtrace) -> None:
    text = knowtrace("models").out
    for name, entry in MODELS.items():
        assert name in text
        assert entry.summary.split()[0] in text
    listed = json.loads(knowtrace("models", "--json").out)
    assert set(listed) == set(MODELS)
    assert listed["dkt"]["settings"]["hidden_dim"] == 128


def test_a_model_is_trained_and_judged(knowtrace: Knowtrace, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    said = knowtrace("train", "--model", "best-lr", "--data", data, "--out", out, "--epochs", 2, "--json")
    assert said.code == 0
    assert "epoch  2" in said.error
    trained = json.loads(said.out)
    assert trained["version"] == Run.open(out).version
    assert sorted(path.name for path in out.iterdir()) == [
        "answer.onnx", "card.md", "config.json", "manifest.json", "mastery.onnx", "metrics.json", "model.safetensors",
        "observe.onnx", "predict.onnx", "serving.safetensors", "vocabulary.json",
    ]  # fmt: skip

    said = knowtrace("evaluate", out, "--data", data, "--resamples", 20, "--json")
    assert said.code == 0
    judged = json.loads(said.out)
    for name in ("auc", "accuracy", "nll", "brier", "ece"):
        assert judged[name]["low"] <= judged[name]["high"]
    assert judged["model"] == "best-lr"
    assert judged["n_scored"] == judged["n_students"] * 24

    text = knowtrace("evaluate", out, "--data", data, "--resamples", 20, "--split", "valid").out
    assert "95 % interval" in text
    assert "of its gain over the item means" in text.replace("\n", " ")

    again = knowtrace("train", "--model", "best-lr", "--data", data, "--out", out, "--epochs", 2)
    assert_refused(again, because="already holds a finished run. Choose another --out")
    assert_refused(knowtrace("evaluate", out, "--data", data, "--split", "dev"), because="No part 'dev'")
    (out / "config.json").write_text("{}")
    assert_refused(knowtrace("evaluate", out, "--data", data), because="config.json has 2 bytes")


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("--model", "oracle"), "No model named 'oracle'. Known: item-mean, "),
        (("--model", "dkt", "--set", "depth=3"), "has no setting 'depth'"),
        (("--model", "dkt", "--set", "hidden_dim=wide"), "hidden_dim is a int"),
        (("--model", "dkt", "--set", "hidden_dim"), "is not name=value"),
        (("--model", "dkt", "--set", "dropout=7"), "dropout (7.0) must lie in [0, 1]"),
        (("--model", "elo", "--set", "step=-1"), "step (-1.0) must lie in"),
        (("--model", "elo", "--learning-rate", "1e9"), "learning_rate (1000000000.0) must lie in"),
        (("--model", "elo", "--seed", "-3"), "seed (-3) must lie in"),
        (("--model", "elo", "--device", "tpu"), "choose cpu, cuda or auto"),
        (("--model", "elo", "--columns", "student"), "is not name=value"),
    ],
)
def test_wrong_options_of_training_are_one_line(
    knowtrace: Knowtrace, data: Path, tmp_path: Path, options: tuple[str, ...], because: str
) -> None:
    said = knowtrace("train", "--data", data, "--out", tmp_path / "run", *options)
    assert_refused(said, because=because)


def test_wrong_data_and_places_are_one_line(
    knowtrace: Knowtrace, data: Path, folds: Path, tmp_path: Path
) -> None:
    train = ("train", "--model", "item-mean", "--out", tmp_path / "run")
    assert_refused(knowtrace(*train, "--data", tmp_path / "nowhere"), because="nowhere")
    assert_refused(
        knowtrace(*train, "--data", folds, "--fold", 7), because="no fold 7: it publishes 3, 0 to 2"
    )
    few = tmp_path / "few.csv"
    few.write_text("student,item,correct\na,x,1\na,x,0\n")
    assert_refused(knowtrace(*train, "--data", few), because="give at least 3")
    single = tmp_path / "single.csv"
    single.write_text("student,item,correct\n" + "".join(f"s{n},x,{n % 2}\n" for n in range(60)))
    assert_refused(knowtrace(*train, "--data", single), because="the first one of each is never predicted")
    one = tmp_path / "one.csv"
    one.write_text("student,item,correct\n" + "".join(f"s{n % 20},x{n},1\n" for n in range(200)))
    assert_refused(knowtrace(*train, "--data", one), because="(one category): nothing can be learnt")
    assert_refused(knowtrace(*train[:-1], folds, "--data", folds), because="is not an unfinished run")
    assert_refused(knowtrace("evaluate", tmp_path, "--data", data), because="manifest.json is missing")
    assert_refused(knowtrace("evaluate", tmp_path / "no", "--data", data), because="No finished run at")


def test_usage_errors_exit_with_2_and_no_traceback(knowtrace: Knowtrace, data: Path) -> None:
    for arguments in (
        ("train", "--data", data),
        ("train", "--model", "elo", "--data", data, "--out", "x", "--epochs", "0"),
        ("evaluate",),
        ("nonsense",),
    ):
        said = knowtrace(*arguments)
        assert said.code == 2
        assert "Traceback" not in said.error


@pytest.mark.parametrize("command", ["models", "train", "evaluate"])
def test_help_ends_with_an_example(knowtrace: Knowtrace, command: str) -> None:
    assert f"Example: knowtrace {command}" in knowtrace(command, "--help").out


def test_a_training_that_was_killed_goes_on_to_the_same_bytes(
    knowtrace: Knowtrace, data: Path, tmp_path: Path
) -> None:
    """`kill -9` as soon as the first checkpoint is there, then the same command again."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    train = ("train", "--model", "dkt", "--data", str(data), "--epochs", "12", "--set", NARROW, "--out")
    # One thread, as the tests have: sums in another order would differ in their last bits.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "knowtrace", *train, str(killed)], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        while not (killed / "checkpoint.safetensors").exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    assert not (killed / "manifest.json").exists()
    assert "goes on after epoch" in knowtrace(*train, killed).error
    assert knowtrace(*train, whole).code == 0
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_paths_that_no_file_can_have_are_refused(knowtrace: Knowtrace, data: Path, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    for arguments in (
        ("train", "--model", "elo", "--data", data, "--out", long),
        ("train", "--model", "elo", "--data", long, "--out", tmp_path / "run"),
    ):
        said = knowtrace(*arguments)
        assert_refused(said, because="File name too long")


def test_more_than_memory_holds_is_refused(knowtrace: Knowtrace, tmp_path: Path) -> None:
    said = knowtrace("simulate", "--out", tmp_path / "simulated", "--students", 10**15)
    assert_refused(said, because="not enough memory")


def of_torch() -> object:
    return torch.empty(10**15)


def of_duckdb() -> object:
    with duckdb.connect(config={"memory_limit": "2MB", "temp_directory": ""}) as connection:
        return connection.execute("SELECT list(range) FROM range(10_000_000)").fetchall()


def of_a_runtime() -> object:
    raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")


@pytest.mark.parametrize("ask", [of_torch, of_duckdb, of_a_runtime])
def test_every_library_that_runs_out_of_memory_is_one_line(
    ask: Callable[[], object], knowtrace: Knowtrace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "app", ask)
    said = knowtrace("train")
    assert_refused(said, because="not enough memory")
    assert said.error.count("\n") == 1


def test_a_split_that_is_not_used_is_said(knowtrace: Knowtrace, folds: Path, tmp_path: Path) -> None:
    folds.write_text(folds.read_text().replace(",fold1\n", ",\n", 1))
    rows = folds.read_text().splitlines()
    folds.write_text(
        "\n".join([*rows, *(f"t{n},i{k},{(n + k) % 2}," for n in range(60) for k in range(3))]) + "\n"
    )
    said = knowtrace("train", "--model", "item-mean", "--data", folds, "--out", tmp_path / "run")
    assert said.code == 0
    assert "The split column is not one split per student: ignored." in said.error


def test_a_bank_tells_of_items_that_nobody_answered(knowtrace: Knowtrace, data: Path, tmp_path: Path) -> None:
    """Simulated items carry the word "hard" or "easy" as their thresholds lie; two new items carry one each."""
    truth = json.loads((data / "truth.json").read_text())["items"]
    words = {item["item_id"]: ("hard" if sum(item["thresholds"]) > 0 else "easy") for item in truth}
    words |= {"new-hard": "hard", "new-easy": "easy"}
    bank = tmp_path / "bank.csv"
    rows = [f"{item_id},A {word} question,skill-1" for item_id, word in words.items()]
    bank.write_text("\n".join(["item_id,text,skill_ids", *rows]) + "\n")
    run_path = tmp_path / "run"
    said = knowtrace(
        "train", "--model", "irt", "--data", data, "--bank", bank, "--out", run_path, "--json"
    )  # fmt: skip
    assert said.code == 0, said.error
    assert "bank.csv: 22 items" in said.error
    run = Run.open(run_path)
    assert run.config["data"]["num_described"] == 22
    assert len(run.config["data"]["content"]) == 32
    new = run.vocabulary.item("new-hard")
    assert new is not None
    assert new.is_unanswered
    curves = run.item_curves
    assert curves["new-hard"].difficulty > curves["new-easy"].difficulty + 0.5
    assert knowtrace("evaluate", run_path, "--data", data, "--json").code == 0


def test_a_bank_that_breaks_a_rule_is_refused_before_training(
    knowtrace: Knowtrace, data: Path, tmp_path: Path
) -> None:
    bank = tmp_path / "bank.csv"
    bank.write_text("item_id,text\na,x\na,y\n")
    given = ("--model", "item-mean", "--data", data, "--bank", bank, "--out", tmp_path / "run")
    said = knowtrace("train", *given)
    assert said.code == 2
    assert "an id stands once" in said.error
    assert not (tmp_path / "run").exists()
