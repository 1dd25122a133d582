"""Where an item's rows of gold came from, in a lake written by hand."""

from pathlib import Path

import pytest

from knowtrace.errors import NotFoundError
from knowtrace.lake import CommitLog, ItemLineage, append_rows, build_lake, erase_students, item_lineage
from knowtrace.lake.lineage import MAX_LISTED
from lake.conftest import DAY, HEADER, START


def lineage(root: Path, item_id: str) -> ItemLineage:
    return item_lineage(root, CommitLog(root).last(), item_id)


def test_an_items_answers_are_counted_by_file_and_led_back_to_their_lines(
    ednet: Path, tmp_path: Path
) -> None:
    """q1 is answered in a KT1 file, twice in another, and the day before in a table."""
    rows = f"{HEADER}{START + DAY},1,q1,a,1\n{START + 2 * DAY},2,q1,b,1\n"
    (ednet / "u2.csv").write_text(rows, encoding="utf-8")
    table = tmp_path / "table.csv"
    first = START // 1000 - 86_400
    table.write_text(f"student,item,correct,time\ns,q2,1,{first - 1}\ns,q1,1,{first}\n", encoding="utf-8")
    root = tmp_path / "lake"
    build_lake(root, [ednet, table])
    parameters = tmp_path / "parameters.csv"
    parameters.write_text(
        "item_id,model_version,difficulty,discrimination,guessing,num_events,computed_at\n"
        "q1,m1,0.5,1,0,4,2026-01-01T00:00:00Z\nq2,m1,0.5,1,0,4,2026-01-01T00:00:00Z\n",
        encoding="utf-8",
    )
    append_rows(root, "gold.item_parameters", parameters)
    found = lineage(root, "q1")
    assert found.vocabulary["item_id"] == "q1"
    assert [row["item_id"] for row in found.parameters] == ["q1"]
    assert (found.num_events, found.num_days, found.num_files) == (4, 4, 3)
    counts = [(file.source_file, file.num_events) for file in found.files]
    assert counts == [("u2.csv", 2), ("table.csv", 1), ("u1.csv", 1)]
    assert [(place["source_file"], place["line"], place["position"]) for place in found.places] == [
        ("table.csv", 3, 2), ("u1.csv", 2, 1), ("u2.csv", 2, 1), ("u2.csv", 3, 2),
    ]  # fmt: skip
    assert found.first is not None
    assert found.first.raw is not None
    assert found.first.raw["text"] == f"s,q1,1,{first}"


def test_of_many_files_and_answers_some_are_listed_and_all_counted(ednet: Path, tmp_path: Path) -> None:
    for i in range(2, MAX_LISTED + 3):
        (ednet / f"u{i}.csv").write_text(f"{HEADER}{START},1,q3,c,1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet])
    found = lineage(tmp_path / "lake", "q3")
    assert (found.num_events, found.num_files) == (MAX_LISTED + 2, MAX_LISTED + 2)
    assert len(found.files) == len(found.places) == MAX_LISTED


def test_an_item_whose_answers_are_gone_has_its_number_alone(ednet: Path, tmp_path: Path) -> None:
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,1\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet])
    erase_students(tmp_path / "lake", ["u1"])
    found = lineage(tmp_path / "lake", "q3")
    assert (found.num_events, found.first, found.places, found.files) == (0, None, (), ())
    with pytest.raises(NotFoundError, match="has no item 'q9'"):
        lineage(tmp_path / "lake", "q9")
