"""`knowtrace leaderboard`, `tune`, `stack`, `gate` and `card`, as a person types them."""

import json
import sys
from pathlib import Path

import pytest

from knowtrace import cli
from knowtrace.registry import Run

from .conftest import Knowtrace, Said


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `knowtrace simulate` writes of 60 students."""
    folder = tmp_path_factory.mktemp("data") / "simulated"
    sizes = {"students": 60, "answers": 25, "items": 20, "skills": 4, "seed": 5}
    assert typed("simulate", "--out", folder, *options(sizes)) == 0
    return folder


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    paths = {name: folder / name for name in ("item-mean", "elo")}
    for name, path in paths.items():
        assert typed("train", "--model", name, "--data", data, "--out", path, "--epochs", 2) == 0
    return paths


def options(values: dict[str, int]) -> list[object]:
    return [part for name, value in values.items() for part in (f"--{name}", value)]


def typed(*arguments: object) -> int:
    """Run a command outside any test, for what several tests share, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["knowtrace", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


def assert_refused(said: Said, *, because: str) -> None:
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.error
    assert because in said.error.splitlines()[-1]


def test_a_leaderboard_prints_and_writes_the_same_page(
    knowtrace: Knowtrace, data: Path, tmp_path: Path
) -> None:
    page, figures = tmp_path / "board.md", tmp_path / "board.json"
    asked = ("leaderboard", data, "--models", "item-mean,elo", "--stack", "item-mean,elo", "--board")
    said = knowtrace(*asked, tmp_path / "board", "--page", page, "--json", figures)
    assert said.code == 0
    assert said.out.strip() == page.read_text().strip()
    rows = json.loads(figures.read_bytes())["rows"]
    stack = "stack of item-mean + elo"
    assert sorted({row["model"] for row in rows}) == ["elo", "item-mean", stack]
    for row in rows:
        assert f"| {row['model']} | {row['auc'][0]:.4f}" in said.out
    assert said.error.count("test AUC") == len(rows)

    again = knowtrace(*asked, tmp_path / "board")
    assert "test AUC" not in again.error
    assert again.out.splitlines()[3:] == said.out.splitlines()[3:]


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        (("--models", "oracle"), "No model named 'oracle'"),
        (("--folds", "first"), "'first' is not a fold"),
        (("--protocols", "kind"), "no protocol 'kind' (known: published, clean)"),
        (("--models", "elo", "--stack", "dkt"), "the stack's 'dkt' is not among the models"),
    ],
)
def test_a_leaderboard_that_cannot_be_made_is_refused(
    knowtrace: Knowtrace, data: Path, tmp_path: Path, arguments: tuple[str, ...], because: str
) -> None:
    assert_refused(knowtrace("leaderboard", data, "--board", tmp_path / "b", *arguments), because=because)
    assert not (tmp_path / "b").exists()


def test_a_search_is_gone_on_with(knowtrace: Knowtrace, data: Path, tmp_path: Path) -> None:
    asked = ("tune", "--model", "dkt", "--data", data, "--out", tmp_path / "search", "--epochs", 1)
    assert knowtrace(*asked, "--trials", 1).out.startswith("0.")
    said = knowtrace(*asked, "--trials", 2, "--json")
    trials = json.loads(said.out)["trials"]
    assert sorted(trial["trial"] for trial in trials) == [0, 1]
    assert trials[0]["valid_auc"] >= trials[1]["valid_auc"]
    assert "trial 1: validation AUC" in said.error
    assert "trial 0: validation AUC" not in said.error


def test_a_search_of_nothing_is_refused(knowtrace: Knowtrace, data: Path, tmp_path: Path) -> None:
    said = knowtrace("tune", "--model", "blend", "--data", data, "--out", tmp_path / "search")
    assert_refused(said, because="blend has no settings to search")


def test_runs_are_blended_into_one(
    knowtrace: Knowtrace, data: Path, runs: dict[str, Path], tmp_path: Path
) -> None:
    said = knowtrace("stack", *runs.values(), "--data", data, "--out", tmp_path / "both", "--json")
    blended = json.loads(said.out)
    assert blended["version"] == Run.open(tmp_path / "both").version
    assert len(blended["weights"]) == 2
    assert 0 < blended["best"]["valid_auc"] < 1

    alone = knowtrace("stack", runs["elo"], "--data", data, "--out", tmp_path / "one")
    assert_refused(alone, because="A stack needs at least two runs, not 1")


def test_a_gate_says_why_a_run_may_not_pass(knowtrace: Knowtrace, data: Path, runs: dict[str, Path]) -> None:
    same = knowtrace("gate", runs["elo"], "--against", runs["elo"], "--data", data, "--json")
    assert same.code == 0
    assert json.loads(same.out)["passed"] is True
    worse = knowtrace("gate", runs["item-mean"], "--against", runs["elo"], "--data", data)
    assert worse.code == 1
    assert worse.out.splitlines()[-1] == "FAILED"
    assert any(line.startswith("- AUC ") for line in worse.out.splitlines())
    nothing = knowtrace("gate", runs["elo"], "--against", data, "--data", data)
    assert_refused(nothing, because="No finished run at")


def test_a_card_is_printed_and_written(
    knowtrace: Knowtrace, data: Path, runs: dict[str, Path], tmp_path: Path
) -> None:
    said = knowtrace("card", runs["elo"])
    assert said.out.startswith(f"# {Run.open(runs['elo']).version}\n")
    assert "Reliability" not in said.out
    judged = knowtrace("card", runs["elo"], "--data", data, "--out", tmp_path / "card.md")
    assert (judged.code, judged.out) == (0, "")
    text = (tmp_path / "card.md").read_text()
    assert text.startswith(said.out.rstrip("\n"))
    assert "## Reliability" in text
    assert_refused(knowtrace("card", tmp_path), because="No finished run at")


@pytest.mark.parametrize("command", ["leaderboard", "tune", "stack", "gate", "card"])
def test_help_ends_with_an_example(knowtrace: Knowtrace, command: str) -> None:
    assert f"Example: knowtrace {command}" in knowtrace(command, "--help").out
