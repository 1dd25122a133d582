"""`knowtrace lake`: build, status, lineage, as a person types them."""

import json
from pathlib import Path
from shutil import copytree

import pytest
from conftest import DATA
from lake.conftest import DAY, HEADER, QUESTIONS, START
from typer.testing import CliRunner

from knowtrace.cli import app
from knowtrace.lake import build_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "KT1"
    folder.mkdir()
    (folder / "questions.csv").write_text(QUESTIONS, encoding="utf-8")
    rows = f"{HEADER}{START},1,q1,a,4000\n{START},1,q2,a,61000\n{START + DAY},2,q3,c,\n{START},1,q7,a,1\n"
    (folder / "u1.csv").write_text(rows, encoding="utf-8")
    result = CliRunner().invoke(
        app, ["lake", "build", "--source", str(folder), "--into", str(folder / "lake")]
    )
    assert result.exit_code == 0, result.output
    assert "4 = 3 new events + 0 repeats + 1 quarantined" in result.output
    assert "gold.wdirt_features" in result.output
    return folder / "lake"


def test_status_lists_every_table(lake: Path) -> None:
    result = CliRunner().invoke(app, ["lake", "status", "--lake", str(lake), "--json"])
    status = json.loads(result.stdout)
    rows = {table["name"]: table["num_rows"] for table in status["tables"]}
    assert rows["silver.canonical_learning_events"] == 3
    assert rows["silver.quarantine"] == 1
    assert rows["gold.sakt_predictions"] == 0
    assert status["num_pending"] == 0
    assert CliRunner().invoke(app, ["lake", "status", "--lake", str(lake)]).exit_code == 0


def test_lineage_leads_from_gold_to_the_line_as_written(lake: Path) -> None:
    arguments = ["lake", "lineage", "--lake", str(lake), "--user", "u1", "--position", "2"]
    lineage = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert lineage["features"]["attempts_before"] == 0
    assert lineage["event"]["item_id"] == "q2"
    assert (lineage["raw"]["line"], lineage["raw"]["elapsed_time"]) == (3, "61000")
    assert lineage["source"]["source_file"] == "u1.csv"
    assert "the row as written" in CliRunner().invoke(app, arguments).output
    text = " ".join(CliRunner().invoke(app, ["lake", "lineage", "--help"]).output.split())
    assert "It starts from one student's answer by its position" in text


def test_lineage_of_an_item_leads_to_its_files_and_lines(lake: Path) -> None:
    arguments = ["lake", "lineage", "--lake", str(lake), "--item", "q3"]
    lineage = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (lineage["num_events"], lineage["num_days"], lineage["num_files"]) == (1, 1, 1)
    assert [(file["source_file"], file["num_events"]) for file in lineage["files"]] == [("u1.csv", 1)]
    assert lineage["first"]["raw"]["question_id"] == "q3"
    shown = CliRunner().invoke(app, arguments).output
    assert "1 answers from 1 files, on 1 rows of gold.item_days." in shown
    assert "the row as written" in shown


@pytest.mark.data
def test_lineage_of_answers_that_were_parsed_from_a_students_file(tmp_path: Path) -> None:
    build_lake(tmp_path, [DATA / "ednet"])
    arguments = ["lake", "lineage", "--lake", str(tmp_path), "--user", "u1", "--position", "3", "--json"]
    lineage = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert lineage["source"]["source_file"] == lineage["event"]["source_file"] == "KT4/u1.csv.gz"
    assert lineage["event"]["item_id"] in lineage["raw"]["text"]


def test_a_dry_run_changes_nothing(lake: Path) -> None:
    (lake.parent / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,1\n", encoding="utf-8")
    arguments = ["lake", "build", "--source", str(lake.parent), "--into", str(lake), "--dry-run", "--json"]
    plan = json.loads(CliRunner().invoke(app, arguments).stdout)
    (lake.parent / "u2.csv").unlink()
    assert (plan["sources"][0]["num_files"], plan["sources"][0]["num_new"]) == (2, 1)
    status = json.loads(CliRunner().invoke(app, ["lake", "status", "--lake", str(lake), "--json"]).stdout)
    assert status["version"] == 3


def test_students_are_erased_once_and_stay_away(lake: Path, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    copytree(lake, root)
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"u1\r\nu2\n")
    arguments = ["lake", "erase", "--lake", str(root), "--students", str(ids), "--student", "u3"]
    asked = CliRunner().invoke(app, arguments, input="n\n")
    assert asked.exit_code == 1
    assert "Erase 3 students from the lake" in asked.output
    erased = CliRunner().invoke(app, [*arguments, "--yes"])
    assert erased.exit_code == 0, erased.output
    assert "silver.canonical_learning_events 3" in erased.output
    assert "0 of 3 students had been erased before" in erased.output
    assert "The lake has no answers of 2 of them" in erased.output
    again = CliRunner().invoke(app, [*arguments, "--yes"])
    assert "Nothing was changed: 3 of 3 students had been erased before" in again.output
    as_json = CliRunner().invoke(app, [*arguments, "--yes", "--json"])
    assert json.loads(as_json.stdout)["num_known"] == 3
    built = CliRunner().invoke(app, ["lake", "build", "--source", str(lake.parent), "--into", str(root)])
    assert "0 of the quarantined rows, and 1 files: left out" in built.output


def test_rows_are_appended_to_a_place(lake: Path, tmp_path: Path) -> None:
    root, file = tmp_path / "lake", tmp_path / "library.csv"
    copytree(lake, root)
    file.write_text("content_id,content_type,title,text\nc1,skill_description,T,t\n", encoding="utf-8")
    arguments = ["lake", "append", "gold.content_library", str(file), "--lake", str(root)]
    first = CliRunner().invoke(app, arguments)
    assert "gold.content_library: 1 new rows, 0 known before.\nCommit 4." in first.output
    again = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert (again["num_new"], again["num_known"], again["version"]) == (0, 1, 4)


def test_a_dry_run_says_what_a_skill_map_would_do(lake: Path, tmp_path: Path) -> None:
    skill_map = tmp_path / "map.csv"
    reviewed = "E. Xample,2026-11-21,\n"
    skill_map.write_text(
        f"tag,skill,name,topic,reviewed_by,reviewed_on,note\n11,parts,,,{reviewed}", encoding="utf-8"
    )
    arguments = ["lake", "build", "--source", str(lake.parent / "u1.csv"), "--into", str(lake), "--dry-run"]
    output = CliRunner().invoke(app, [*arguments, "--skill-map", str(skill_map)]).output
    assert "is new: 1 tags, by which 4 landed answers would be read again." in " ".join(output.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lake", "erase", "--lake", "nowhere", "--student", "u1", "--yes"], "There is no lake at nowhere"),
        (["lake", "erase", "--lake", "LAKE", "--yes"], "No student is named"),
        (
            ["lake", "erase", "--lake", "LAKE", "--students", "nowhere.txt", "--yes"],
            "The ids in nowhere.txt cannot be read",
        ),
        (["lake", "status", "--lake", "nowhere"], "There is no lake at nowhere"),
        (
            ["lake", "lineage", "--lake", "LAKE", "--user", "u9", "--position", "1"],
            "has no answer 1 of student 'u9'",
        ),
        (["lake", "lineage", "--lake", "LAKE", "--item", "q9"], "has no item 'q9'"),
        (["lake", "lineage", "--lake", "LAKE"], "give --user with --position, or --item alone"),
        (
            ["lake", "lineage", "--lake", "LAKE", "--user", "u1", "--item", "q1"],
            "give --user with --position, or --item alone",
        ),
        (["lake", "build", "--source", "nowhere", "--into", "LAKE"], "There is nothing at nowhere"),
        (
            ["lake", "build", "--source", "LAKE", "--into", "x", "--format", "avro"],
            "must be parquet or delta",
        ),
        (
            ["lake", "build", "--source", "LAKE/../u1.csv", "--into", "x", "--engine", "pandas"],
            "must be duckdb or spark",
        ),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], message: str, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [argument.replace("LAKE", str(lake)) for argument in arguments])
    assert message in str(result.exception)
