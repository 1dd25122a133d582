"""Delta tables over the lake's own files: the same rows, one Delta commit a change."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable

from knowtrace.lake import TABLES, BuildOptions, CommitLog, build_lake
from knowtrace.lake.checks import BY_NAME
from knowtrace.lake.delta import publish_delta
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


KILLED = """
import os, signal, sys
from pathlib import Path
from knowtrace.lake import build_lake, delta

def at_the_second_table(*args, **kwargs):
    if next(tables):
        os.kill(os.getpid(), signal.SIGKILL)
    return write(*args, **kwargs)

tables, write = iter([False, True]), delta.DeltaTable.create_write_transaction
delta.DeltaTable.create_write_transaction = at_the_second_table
build_lake(Path(sys.argv[1]), [Path(sys.argv[2])])
"""


def test_a_build_killed_among_delta_tables_is_followed_before_anything_goes(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two later builds that end after landing leave every Delta table whole, at the commit before them."""
    root = tmp_path / "lake"
    build_lake(root, [ednet], options=BuildOptions(is_delta=True))
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,10\n", encoding="utf-8")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(root), str(ednet)], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    committed = [table for table in TABLES if table.layer != "bronze" and CommitLog(root).last().files(table)]
    shown = {table.full_name: len(delta_rows(root, table.full_name)) for table in committed}
    assert shown["gold.sakt_sequences"] == 1, "the killed build was not told"

    def no_engine(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("knowtrace.lake.build.open_engine", no_engine)
    for name in ("u3.csv", "u4.csv"):
        (ednet / name).write_text(f"{HEADER}{START},1,q2,b,10\n", encoding="utf-8")
        with pytest.raises(KeyboardInterrupt):
            build_lake(root, [ednet])
    for table in committed:
        rows = sorted(map(repr, rows_of(root, table.full_name)))
        assert sorted(_without_bucket(delta_rows(root, table.full_name))) == rows, table.full_name


def test_a_delta_table_gets_the_columns_that_its_table_has_got_since(ednet: Path, tmp_path: Path) -> None:
    build_lake(tmp_path / "lake", [ednet])
    skills = BY_NAME["silver.skills"]
    older = replace(skills, columns=tuple(one for one in skills.columns if one.name not in ("name", "topic")))
    snapshot = CommitLog(tmp_path / "lake").last()
    publish_delta(tmp_path / "lake", snapshot, [older])
    publish_delta(tmp_path / "lake", snapshot, [skills])
    shown = delta_rows(tmp_path / "lake", "silver.skills")
    assert sorted(map(_sorted, shown)) == sorted(map(_sorted, rows_of(tmp_path / "lake", "silver.skills")))


def _sorted(row: dict[str, object]) -> str:
    return repr(sorted(row.items()))


def _without_bucket(rows: list[dict[str, object]]) -> list[str]:
    return [repr({name: value for name, value in row.items() if name != "bucket"}) for row in rows]


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
