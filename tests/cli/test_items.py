"""`knowtrace items`, as a person types it."""

import csv
import json
from pathlib import Path

import pytest

from knowtrace.sources import SimulationConfig, simulate, write_simulation

from .conftest import Knowtrace
from .test_train_and_evaluate import assert_refused


@pytest.fixture
def data(tmp_path: Path) -> Path:
    config = SimulationConfig(num_students=60, num_answers=25, num_items=20, num_skills=4)
    write_simulation(simulate(config, seed=5), tmp_path / "data")
    return tmp_path / "data"


def trained(knowtrace: Knowtrace, model: str, data: Path) -> Path:
    out = data.parent / model
    assert knowtrace("train", "--model", model, "--data", data, "--out", out, "--epochs", 1).code == 0
    return out


def test_every_item_gets_parameters_that_the_lake_takes(knowtrace: Knowtrace, data: Path) -> None:
    run, lake, file = trained(knowtrace, "wd-irt", data), data.parent / "lake", data.parent / "items.csv"
    said = knowtrace("items", run, "--data", data, "--out", file, "--json")
    assert said.code == 0, said.error
    items = {item["item_id"]: item for item in json.loads(said.out)["items"]}
    catalogue = json.loads((run / "vocabulary.json").read_text())["items"]
    assert {item_id: item["num_events"] for item_id, item in items.items()} == {
        item_id: sum(counts) for item_id, _, counts in catalogue
    }
    for item in items.values():
        assert 0.25 < item["discrimination"] < 4
        assert min(item[f"{name}_error"] for name in ("difficulty", "discrimination", "guessing")) > 0

    assert knowtrace("lake", "build", "--source", data, "--into", lake).code == 0
    appended = knowtrace("lake", "append", "gold.item_parameters", file, "--lake", lake, "--json")
    assert appended.code == 0, appended.error
    assert json.loads(appended.out)["num_new"] == len(items)
    with file.open(newline="") as opened:
        assert {row["item_id"]: float(row["difficulty"]) for row in csv.DictReader(opened)} == {
            item_id: item["difficulty"] for item_id, item in items.items()
        }
    assert f"{len(items)} items, the first {len(items)}" in knowtrace("items", run, "--data", data).out


def test_a_model_without_parameters_of_items_says_where_they_are_had(
    knowtrace: Knowtrace, data: Path
) -> None:
    run = trained(knowtrace, "elo", data)
    assert_refused(knowtrace("items", run, "--data", data), because="`knowtrace irt` calibrates items")


def test_data_that_are_not_the_runs_are_refused(knowtrace: Knowtrace, data: Path) -> None:
    run = trained(knowtrace, "wd-irt", data)
    config = SimulationConfig(num_students=60, num_answers=25, num_items=20, num_skills=4)
    write_simulation(simulate(config, seed=6), data.parent / "other")
    assert_refused(knowtrace("items", run, "--data", data.parent / "other"), because="is not what wd-irt-")
