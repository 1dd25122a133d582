"""EDM Cup's tables in bronze: every row as written, traced from gold, and gone with its student."""

import csv
from pathlib import Path

import orjson
import pytest

from knowtrace.lake import CommitLog, build_lake, erase_students, lineage_of
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.sources.layouts import write_layout
from lake.lake_rows import content_of, histories, rows_of

TABLES = {
    "bronze.raw_action_logs": "action_logs.csv",
    "bronze.raw_assignment_details": "assignment_details.csv",
    "bronze.raw_problem_details": "problem_details.csv",
    "bronze.raw_assignment_relationships": "assignment_relationships.csv",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three students; a hint of an action, and a relationship that lacks a cell."""
    config = SimulationConfig(num_students=3, num_answers=6, num_items=5, num_skills=2, num_categories=2)
    folder = tmp_path / "source"
    write_layout(simulate(config, seed=2).dataset, "edm-cup", folder)
    lines = (folder / "action_logs.csv").read_text(encoding="utf-8").splitlines()
    lines = [lines[0], *(f"{line[:-2]},H{number}," for number, line in enumerate(lines[1:]))]
    (folder / "action_logs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    details = written(folder / "assignment_details.csv")
    pairs = [f"{row['assignment_log_id']}-test,{row['assignment_log_id']}" for row in details]
    (folder / "assignment_relationships.csv").write_text(
        "\n".join(["unit_test_assignment_log_id,in_unit_assignment_log_id", *pairs, "alone"]) + "\n",
        encoding="utf-8",
    )
    return folder


def written(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_row_is_landed_as_written(source: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [source])
    for name, file in TABLES.items():
        landed = sorted(rows_of(tmp_path / "lake", name), key=lambda row: row["line"])
        expected = [row for row in written(source / file) if None not in row.values()]
        assert len(landed) == len(expected) > 0, name
        for row, cells in zip(landed, expected, strict=True):
            hint, explanation = cells.pop("hint_id", None), cells.pop("explanation_id", None)
            assert {key: row[key] for key in cells} == cells, name
            others = {"hint_id": hint, "explanation_id": explanation}
            assert row["others"] == ("" if hint is None else orjson.dumps(others).decode())
    (rejected,) = [row for row in rows_of(tmp_path / "lake", "silver.quarantine") if row["value"] == "alone"]
    assert (rejected["source_file"], rejected["stage"]) == ("assignment_relationships.csv", "landing")
    assert rows_of(tmp_path / "lake", "bronze.raw_lines") == []


def test_lineage_leads_to_the_click(source: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [source])
    (student, *_) = histories(tmp_path / "lake")
    lineage = lineage_of(tmp_path / "lake", CommitLog(tmp_path / "lake").last(), student, 1)
    assert lineage.raw is not None
    assert lineage.raw["problem_id"] == lineage.event["item_id"]
    assert lineage.raw["action"] == ("correct_response" if lineage.event["correct"] else "wrong_response")


def test_an_erased_students_rows_go_and_stay_away(source: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    build_lake(lake, [source])
    (gone, *_) = sorted(histories(lake))
    details = written(source / "assignment_details.csv")
    hers = {row["assignment_log_id"] for row in details if row["student_id"] == gone}
    assert hers
    before = {name: rows_of(lake, name) for name in TABLES}
    receipt = erase_students(lake, [gone])
    for name in TABLES:
        cells = {value for row in rows_of(lake, name) for value in row.values()}
        assert not cells & {gone, *hers, *(f"{one}-test" for one in hers)}, name
        assert len(before[name]) - len(rows_of(lake, name)) == receipt.rows.get(name, 0)
    assert receipt.rows["bronze.raw_action_logs"] > 6
    assert len(rows_of(lake, "bronze.raw_problem_details")) == 5
    (source / "problem_details.csv").write_text(
        (source / "problem_details.csv").read_text(encoding="utf-8") + "P9,P9,1,Numeric,,,0,0,0,[0.0]\n",
        encoding="utf-8",
    )
    kept = content_of(lake, "bronze.raw_action_logs")
    build_lake(lake, [source])
    assert content_of(lake, "bronze.raw_action_logs") == sorted([*kept, *kept])
    assert gone not in histories(lake)
