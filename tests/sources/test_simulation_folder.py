"""A simulation written and read back."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from knowtrace.errors import DataError
from knowtrace.sources import SimulationConfig, plant, read, simulate, write_simulation

CONFIG = SimulationConfig(num_students=20, num_answers=15, num_items=30, num_skills=4, num_categories=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_simulation(simulate(CONFIG, 1), tmp_path / "simulated")
    return tmp_path / "simulated"


def test_what_is_written_is_read_back(folder: Path) -> None:
    simulation = simulate(CONFIG, 1)
    dataset = read(folder)
    assert dataset.format == "simulation"
    assert dataset.num_categories == 4
    assert dataset.students == simulation.dataset.students
    assert (dataset.quarantined, dataset.notes) == ((), ())
    assert dataset.oracle is not None
    assert simulation.dataset.oracle is not None
    for student_id, probabilities in simulation.dataset.oracle.items():
        assert np.array_equal(dataset.oracle[student_id], probabilities)


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_simulation(simulate(CONFIG, 1), tmp_path / "again")
    write_simulation(simulate(CONFIG, 2), tmp_path / "other")
    for file in sorted(folder.iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()
        assert file.read_bytes() != (tmp_path / "other" / file.name).read_bytes()


def test_the_truth_holds_groups_gaming_and_items(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["seed"] == 1
    assert truth["config"]["num_categories"] == 4
    assert {student["group"] for student in truth["students"]} == {"A", "B"}
    assert len(truth["items"]) == 30
    assert len(truth["items"][0]["thresholds"]) == 3
    assert len(truth["students"][0]["first_ability"]) == 4


def test_the_ideal_observer_is_written_and_older_folders_do_without(folder: Path) -> None:
    dataset = read(folder)
    assert dataset.ideal is not None
    assert {student: len(p) for student, p in dataset.ideal.items()} == {
        student: len(history) for student, history in dataset.students.items()
    }
    (folder / "ideal.csv.gz").unlink()
    older = read(folder)
    assert older.ideal is None
    assert older.oracle is not None


def test_answers_that_were_planted_have_no_truth(folder: Path) -> None:
    """What was known of the answers before does not fit those after."""
    planted = plant(read(folder), 1, num_twins=2).dataset
    assert (planted.oracle, planted.ideal) == (None, None)


def test_an_oracle_of_other_answers_is_refused(folder: Path, tmp_path: Path) -> None:
    write_simulation(simulate(SimulationConfig(num_students=20, num_answers=3), 1), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "oracle.csv.gz", folder)
    with pytest.raises(DataError, match="does not have 4 probabilities per row"):
        read(folder)
    (folder / "oracle.csv.gz").write_bytes(
        gzip.compress(b"student_id,position,p0,p1,p2,p3\nx,0,.1,.2,.3,.4\n")
    )
    with pytest.raises(DataError, match=r"has 0 rows for student .*, but interactions.csv.gz has 15 answers"):
        read(folder)
    (folder / "oracle.csv.gz").write_bytes(gzip.compress(b"student_id,position,p0,p1,p2,p3\nx,0,a,b,c,d\n"))
    with pytest.raises(DataError, match="holds a row that is not probabilities"):
        read(folder)


@pytest.mark.parametrize("truth", ["", "{}", "[]", '{"config": {"num_categories": null}}'])
def test_a_broken_truth_is_refused(folder: Path, truth: str) -> None:
    (folder / "truth.json").write_text(truth)
    with pytest.raises(DataError, match=r"has no config.num_categories"):
        read(folder)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be made a folder"):
        write_simulation(simulate(CONFIG, 1), tmp_path / "file")
