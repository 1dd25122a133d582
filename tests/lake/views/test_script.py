"""The script and the database file, over the files of a lake's last commit."""

from pathlib import Path

import duckdb
import pytest
import sqlglot
from deltalake import DeltaTable
from sqlglot import exp

from knowtrace.errors import DataError
from knowtrace.lake import TABLES, CommitLog
from knowtrace.lake.delta import publish_delta
from knowtrace.lake.views import VIEWS
from knowtrace.lake.views.dialects import Dialect, tables_read
from knowtrace.lake.views.script import script, write_database
from lake.views.databases import in_duckdb, same
from lake.views.written_lake import Event, write_lake


def test_the_script_can_be_run_again_and_reads_the_last_commit(tmp_path: Path) -> None:
    root = write_lake(tmp_path / "o'lake", [Event(student=f"u{n}", item="a") for n in range(6)])
    with duckdb.connect() as connection:
        connection.execute(script(root, "duckdb"))
        write_lake(root, [Event(student=f"u{n}", item="a") for n in range(8)])
        connection.execute(script(root, "duckdb"))
        assert connection.execute("SELECT num_students FROM bi_overview").fetchall() == [(8,)]


def test_the_database_file_holds_what_the_views_show_and_nothing_else(school: Path, tmp_path: Path) -> None:
    path = tmp_path / "bi.duckdb"
    path.write_text("what stood here before", encoding="utf-8")
    rows = write_database(school, path, minimum=5)
    with duckdb.connect(str(path), read_only=True) as file, in_duckdb(school, 5) as views:
        tables = file.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        assert sorted(tables) == sorted(("main", view.name) for view in VIEWS)
        for view in VIEWS:
            shown = sorted(file.execute(f"SELECT * FROM {view.name}").fetchall(), key=_key)
            expected = sorted((tuple(row.values()) for row in views.rows(view.name)), key=_key)
            assert len(shown) == len(expected) == rows[view.name]
            assert all(same(a, b) for a, b in zip(shown, expected, strict=True)), view.name
    assert [found.name for found in tmp_path.iterdir()] == ["bi.duckdb"]
    assert b"s1.csv" not in path.read_bytes()


def _key(row: tuple[object, ...]) -> list[str]:
    """Keys stand first, and no two rows have one."""
    return [str(value) for value in row[:4]]


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
def test_a_lake_without_answers_is_named(tmp_path: Path, dialect: Dialect) -> None:
    with pytest.raises(DataError, match="holds no answers: run `knowtrace lake build`"):
        script(tmp_path, dialect)


def test_postgresql_needs_no_lake(tmp_path: Path) -> None:
    assert script(tmp_path, "postgres").startswith("CREATE SCHEMA IF NOT EXISTS lake_bi;")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_spark_has_the_tables_of_a_delta_lake_at_their_place(tmp_path: Path) -> None:
    """Delta's jar is not here: what the statements say is read, and that a Delta table is there."""
    root = write_lake(tmp_path / "o'lake", [Event(student=f"u{n}", item="a") for n in range(6)])
    publish_delta(root, CommitLog(root).last(), TABLES)
    statements = sqlglot.parse(script(root, "spark"), read="spark")
    placed = {
        one.this.sql(): Path(one.find(exp.LocationProperty).this.this)
        for one in statements
        if isinstance(one, exp.Create) and one.kind == "TABLE"
    }
    assert placed == {table.full_name: root / table.layer / table.name for table in tables_read(VIEWS)}
    assert {DeltaTable(folder).metadata().name for folder in placed.values()} == set(placed)
