"""A leaderboard is trained once, compares the same answers, and says so on its page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.histories import Quiet

from knowtrace.errors import NotFoundError, TrainingError
from knowtrace.evaluation.comparison import compare, page, paired_difference, summarise
from knowtrace.evaluation.leaderboard import HISTORIES, Plan, run_board
from knowtrace.sources import Dataset, SimulationConfig, read, simulate, write_simulation
from knowtrace.sources.wide_table import read_wide_table, write_answers


class QuietOf(Quiet):
    def __init__(self, title: str) -> None:
        super().__init__()

    def __enter__(self) -> "QuietOf":
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("data") / "small"
    write_simulation(
        simulate(SimulationConfig(num_students=60, num_answers=25, num_items=30, num_skills=4), seed=3), path
    )
    return Plan(
        paths={"small": path},
        models=("item-mean", "elo"),
        protocols=("published",),
        stack=("item-mean", "elo"),
        chosen={"small": {"elo": {"settings": {"step": 0.3}, "training": {"epochs": 1}}}},
    )


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="module")
def rows(plan: Plan, board: Path) -> list[dict[str, Any]]:
    return run_board(plan, board, reporter_of=QuietOf, done=lambda row: None)


def test_every_entry_has_a_row_with_its_figures(rows: list[dict[str, Any]]) -> None:
    assert [row["model"] for row in rows] == ["item-mean", "elo", "stack of item-mean + elo"]
    for row in rows:
        value, low, high = row["auc"]
        assert 0 < low <= value <= high < 1
        assert row["n_scored"] > 0
        assert set(row["microseconds"]) == {str(length) for length in HISTORIES}
    assert rows[1]["epoch"] == 1


def test_what_is_done_is_not_done_again(plan: Plan, board: Path, rows: list[dict[str, Any]]) -> None:
    made: list[dict[str, Any]] = []
    again = run_board(plan, board, reporter_of=QuietOf, done=made.append)
    assert made == []
    assert again == rows


def test_a_board_of_other_settings_or_data_is_refused(
    plan: Plan, board: Path, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Its figures would stand beside new ones as if they were of the same making."""
    assert len(rows) == 3
    other = replace(plan, chosen={"small": {"elo": {"settings": {"step": 0.2}, "training": {"epochs": 1}}}})
    with pytest.raises(TrainingError, match=r"small/published/elo/0 was made with other settings"):
        run_board(other, board, reporter_of=QuietOf, done=lambda row: None)
    config = SimulationConfig(num_students=60, num_answers=25, num_items=30, num_skills=4)
    write_simulation(simulate(config, seed=4), tmp_path / "small")
    with pytest.raises(TrainingError, match=r"other data.*Delete these folders"):
        run_board(
            replace(plan, paths={"small": tmp_path / "small"}),
            board,
            reporter_of=QuietOf,
            done=lambda row: None,
        )


def test_the_page_ranks_models_and_tests_them_in_pairs(
    plan: Plan, board: Path, rows: list[dict[str, Any]]
) -> None:
    lines, compared = summarise(rows), compare(rows, board)
    assert [line["auc"][0] for line in lines] == sorted((line["auc"][0] for line in lines), reverse=True)
    assert {c["model"] for c in compared} == {line["model"] for line in lines[1:]}
    for c in compared:
        behind, low, high = c["behind_by"]
        assert low <= behind <= high
        assert behind >= 0
    text = page(lines, compared, command="knowtrace leaderboard small")
    assert "knowtrace leaderboard small" in text
    for line in lines:
        low, high = line["auc_interval"]
        assert f"| {line['model']} | {line['auc'][0]:.4f} [{low:.4f}, {high:.4f}] |" in text
        assert line["share_of_oracle"] < 1
    [heads] = {row for row in text.splitlines() if row.startswith("| model |")}
    assert "share of oracle" in heads
    assert "qwk" not in heads
    assert {row.count("|") for row in text.splitlines() if row.startswith("|")} == {heads.count("|")}


def test_answers_in_categories_are_judged_as_such(tmp_path: Path) -> None:
    config = SimulationConfig(num_students=60, num_answers=20, num_items=20, num_skills=2, num_categories=4)
    write_simulation(simulate(config, seed=3), tmp_path / "graded")
    plan = Plan(
        paths={"graded": tmp_path / "graded"}, models=("item-mean",), protocols=("published", "clean")
    )
    rows = run_board(plan, tmp_path / "board", reporter_of=QuietOf, done=lambda row: None)
    lines = summarise(rows)
    assert [line["protocol"] for line in lines] == ["clean", "published"]
    assert all(-1 <= line["qwk"][0] <= 1 and 0 <= line["mae"][0] <= 3 for line in lines)
    text = page(lines, compare(rows, tmp_path / "board"), command="knowtrace leaderboard graded")
    assert "| ECE | qwk | ordinal accuracy | mae | share of oracle |" in text
    clean = rows[[row["protocol"] for row in rows].index("clean")]
    of_each = [f"{clean[f'precision_{k}'][0]:.3f} / {clean[f'recall_{k}'][0]:.3f}" for k in range(4)]
    assert "| model | 0 | 1 | 2 | 3 |" in text
    assert f"| item-mean | {' | '.join(of_each).replace('nan', '')} |" in text


@pytest.mark.data
def test_the_medical_test_is_judged_in_its_five_categories(real_data: Path, tmp_path: Path) -> None:
    """2,392 students, 100 items scored 0 to 4, as `knowtrace data unpivot` writes them."""
    table = read_wide_table(
        real_data / "psychometrics" / "medical_graded.csv.gz", drop=["gender", "StudySuccess"]
    )
    assert write_answers(table, tmp_path / "medical.csv") == 239_200
    plan = Plan(paths={"medical": tmp_path / "medical.csv"}, models=("item-mean",), protocols=("published",))
    [row] = run_board(plan, tmp_path / "board", reporter_of=QuietOf, done=lambda row: None)
    assert 0 < row["qwk"][0] < 1
    assert 0.5 < row["auc"][0] < 0.9


def test_a_dataset_is_read_once_for_all_its_trainings(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(path: Path) -> Dataset:
        reads.append(path)
        return read(path)

    monkeypatch.setattr("knowtrace.evaluation.leaderboard.read", counted)
    rows = run_board(plan, tmp_path / "board", reporter_of=QuietOf, done=lambda row: None)
    assert len(rows) == 3
    assert len(reads) == 1


def test_data_that_cannot_be_trained_on_stop_a_board_before_its_first_training(
    plan: Plan, tmp_path: Path
) -> None:
    config = SimulationConfig(num_students=1, num_answers=25, num_items=30, num_skills=4)
    write_simulation(simulate(config, seed=4), tmp_path / "lonely")
    both = replace(plan, paths={**plan.paths, "lonely": tmp_path / "lonely"})
    with pytest.raises(TrainingError, match="lonely: "):
        run_board(both, tmp_path / "board", reporter_of=QuietOf, done=lambda row: None)
    assert not list((tmp_path / "board").glob("**/row.json"))


def test_paired_difference_is_zero_against_itself_and_sure_against_noise() -> None:
    rng = np.random.default_rng(1)
    responses = rng.integers(2, size=2_000)
    owners = np.repeat(np.arange(100), 20)
    good = np.clip(0.5 + 0.3 * (responses - 0.5) + 0.1 * rng.normal(size=2_000), 0.01, 0.99)
    noise = rng.uniform(size=2_000)
    first, second = (
        {"probabilities": np.stack([1 - p, p], 1), "responses": responses, "owners": owners}
        for p in (good, noise)
    )
    same = paired_difference([(first, first)], rng=rng, resamples=20)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    found = paired_difference([(first, second)], rng=rng, resamples=100)
    assert 0.2 < found.low < found.value < found.high


def test_a_plan_names_all_that_is_wrong_with_it() -> None:
    with pytest.raises(
        TrainingError, match=r"no protocol 'dirty'.*the stack's 'dkt' is not among the models"
    ):
        Plan(paths={}, models=("elo",), protocols=("dirty",), stack=("dkt",))
    with pytest.raises(NotFoundError, match="No model named 'oracle'"):
        Plan(paths={}, models=("oracle",))
