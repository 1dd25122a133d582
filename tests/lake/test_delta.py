"""Delta tables over the lake's own files: the same rows, one Delta commit a change."""

from pathlib import Path

import pytest
from deltalake import DeltaTable

from knowtrace.lake import BuildOptions, build_lake
from lake.conftest import HEADER, START
from lake.lake_rows import rows_of


def delta_rows(root: Path, name: str) -> list[dict[str, object]]:
    table = DeltaTable(str(root / name.replace(".", "/")))
    return table.to_pyarrow_table().to_pylist()


def test_delta_shows_the_lakes_rows_and_follows_it(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet], options=BuildOptions(is_delta=True))
    names = ("silver.canonical_learning_events", "gold.sakt_sequences", "silver.items")
    for name in names:
        assert sorted(_without_bucket(delta_rows(tmp_path / "lake", name))) == sorted(
            map(repr, rows_of(tmp_path / "lake", name))
        )
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,10\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet], options=BuildOptions(is_delta=True))
    for name in names:
        assert sorted(_without_bucket(delta_rows(tmp_path / "lake", name))) == sorted(
            map(repr, rows_of(tmp_path / "lake", name))
        )
    assert DeltaTable(str(tmp_path / "lake" / "silver" / "items")).version() == 1
    build_lake(tmp_path / "lake", [ednet], options=BuildOptions(is_delta=True))
    assert DeltaTable(str(tmp_path / "lake" / "silver" / "items")).version() == 1


def test_a_lake_with_a_delta_log_keeps_it(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet], options=BuildOptions(is_delta=True))
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,10\n", encoding="utf-8")
    build_lake(tmp_path / "lake", [ednet])
    assert len(delta_rows(tmp_path / "lake", "silver.users")) == 2


def _without_bucket(rows: list[dict[str, object]]) -> list[str]:
    return [repr({name: value for name, value in row.items() if name != "bucket"}) for row in rows]


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
