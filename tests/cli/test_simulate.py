"""`knowtrace simulate`: folders that every other command reads, with the truth or in another source's layout."""

import json
from pathlib import Path

import pytest

from .conftest import Knowtrace

SMALL = ("--students", 30, "--answers", 12, "--items", 20, "--skills", 4)


@pytest.mark.parametrize("layout", ["riiid", "eedi", "edm-cup", "datashop", "xapi", "caliper", "ednet-kt4"])
def test_what_is_written_in_a_layout_is_read_as_that_source(
    knowtrace: Knowtrace, tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / layout
    assert knowtrace("simulate", "--out", folder, *SMALL, "--categories", 2, "--layout", layout).code == 0
    said = knowtrace("data", "inspect", folder, "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert (found["num_students"], found["num_interactions"], found["num_quarantined"]) == (30, 360, 0)


def test_a_layout_that_cannot_hold_the_answers_says_so(knowtrace: Knowtrace, tmp_path: Path) -> None:
    said = knowtrace("simulate", "--out", tmp_path / "x", *SMALL, "--categories", 4, "--layout", "eedi")
    assert said.code == 2
    assert "4 categories, the layout has 2" in said.error
    said = knowtrace("simulate", "--out", tmp_path / "x", "--layout", "kt9")
    assert said.code == 2
    assert "'kt9'" in said.error
    assert not (tmp_path / "x").exists()


def test_tables_that_lie_elsewhere_are_given_by_contents(knowtrace: Knowtrace, tmp_path: Path) -> None:
    assert (
        knowtrace("simulate", "--out", tmp_path / "r", *SMALL, "--categories", 2, "--layout", "riiid").code
        == 0
    )
    (tmp_path / "tables").mkdir()
    (tmp_path / "r" / "questions.csv").rename(tmp_path / "tables" / "questions.csv")
    answers, run = tmp_path / "r" / "train.csv", tmp_path / "run"
    refused = knowtrace("train", "--model", "item-mean", "--data", answers, "--out", run)
    assert refused.code == 2
    assert "--contents" in refused.error
    given = ("--data", answers, "--contents", tmp_path / "tables")
    assert knowtrace("train", "--model", "item-mean", *given, "--out", run).code == 0
    assert knowtrace("evaluate", run, *given, "--json").code == 0
