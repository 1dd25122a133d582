"""A disk that fills up is one clear message, wherever it happens, and the last commit stands."""

import errno
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from knowtrace.cli import main
from knowtrace.errors import DataError
from knowtrace.lake import build_lake, erase_students
from knowtrace.lake.duckdb_engine import DuckDBEngine
from knowtrace.lake.engine import told_as_system_error
from lake.conftest import HEADER, START
from lake.lake_rows import all_content


class FullDisk:
    """A connection of DuckDB whose statements that write end as on a full disk."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, error: Exception) -> None:
        self.connection, self.error = connection, error

    def execute(self, query: str, *rest: Any) -> Any:
        if query.startswith("COPY"):
            raise self.error
        return self.connection.execute(query, *rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def fill_landing(disk: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    disk.setattr("knowtrace.lake.arrow.parquet.write_table", full)


def fill_engine(disk: pytest.MonkeyPatch, error: Exception) -> None:
    opened = DuckDBEngine.__init__

    def on_full_disk(engine: DuckDBEngine, **options: Any) -> None:
        opened(engine, **options)
        disk.setattr(engine, "_connection", FullDisk(engine._connection, error))

    disk.setattr(DuckDBEngine, "__init__", on_full_disk)


def fill_write(disk: pytest.MonkeyPatch) -> None:
    error = duckdb.IOException('IO Error: Could not write to file "x": No space left on device')
    fill_engine(disk, error)


def fill_spill(disk: pytest.MonkeyPatch) -> None:
    error = duckdb.OutOfMemoryException("Out of Memory Error: failed to offload data block of size 256.0 KiB")
    fill_engine(disk, error)


@pytest.mark.parametrize("fill", [fill_landing, fill_write, fill_spill])
def test_a_full_disk_is_one_message_and_leaves_the_last_commit(
    fill: Any,
    ednet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "lake"
    build_lake(root, [ednet])
    silver = {name: rows for name, rows in all_content(root).items() if not name.startswith("bronze")}
    (ednet / "u2.csv").write_text(f"{HEADER}{START},1,q1,a,4000\n", encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["knowtrace", "lake", "build", "--source", str(ednet), "--into", str(root)]
    )
    with monkeypatch.context() as disk, pytest.raises(SystemExit) as ended:
        fill(disk)
        main()
    assert ended.value.code == 2
    assert f"No room left at {root}" in " ".join(capsys.readouterr().err.split())
    seen = all_content(root)
    assert {name: seen[name] for name in silver} == silver
    assert build_lake(root, [ednet]).num_new_events == 1


def test_a_full_disk_stops_an_erasure_too(
    ednet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_lake(tmp_path / "lake", [ednet])
    before = all_content(tmp_path / "lake")
    with monkeypatch.context() as disk, pytest.raises(DataError, match="No room left"):
        disk.setattr("knowtrace.lake.rewriting.parquet.ParquetWriter", _refuse)
        fill_landing(disk)
        erase_students(tmp_path / "lake", ["u1"])
    assert all_content(tmp_path / "lake") == before


def _refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_error_of_spark_says_so_in_the_middle_of_its_text() -> None:
    with pytest.raises(OSError, match="No space left") as raised, told_as_system_error():
        raise RuntimeError("Job aborted.\n\tat java.io: No space left on device\n\tat org.apache.spark")
    assert raised.value.errno == errno.ENOSPC
    with pytest.raises(RuntimeError, match="other"), told_as_system_error():
        raise RuntimeError("other")
