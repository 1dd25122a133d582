"""The SQL script that makes the views, and a database file that holds what they show."""

import os
import uuid
from pathlib import Path

import duckdb

from knowtrace.errors import DataError
from knowtrace.lake.commits import CommitLog, Snapshot
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import ColumnType, Table
from knowtrace.lake.views import MINIMUM, VIEWS
from knowtrace.lake.views.dialects import NAMES, Dialect, create_view, tables_read, view_query
from knowtrace.lake.views.spark_tables import registered_in_spark

DUCKDB_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "long": "BIGINT",
    "int": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "texts": "VARCHAR[]",
    "longs": "BIGINT[]",
    "ints": "INTEGER[]",
    "doubles": "DOUBLE[]",
}


def filled_snapshot(root: Path) -> Snapshot:
    """Return a lake's last commit. Raises: DataError when it holds no answers."""
    snapshot = CommitLog(root).last()
    if not snapshot.files(EVENTS):
        raise DataError(f"The lake {root} holds no answers: run `knowtrace lake build` first.")
    return snapshot


def script(root: Path, dialect: Dialect, *, minimum: int = MINIMUM) -> str:
    """Return the statements that make the views, each ended by a semicolon.

    DuckDB's and Spark's begin with the tables they read: the files of the lake's last commit, so make them anew after
    each build; Spark has a Delta lake's tables at their place, and follows it. Those of PostgreSQL stand over the
    tables that `publish` loads.

    Raises: DataError when the lake holds no answers (DuckDB, Spark); ValueError when `minimum` is below 1.
    """
    statements: list[str] = []
    if dialect == "spark":
        # Days and weeks are those of UTC, whatever the session's own zone.
        statements.append("SET TIME ZONE 'UTC'")
    if dialect != "postgres":
        snapshot = filled_snapshot(root)
        tables = tables_read(VIEWS)
        statements += [f"CREATE SCHEMA IF NOT EXISTS {layer}" for layer in sorted({t.layer for t in tables})]
        register = _registered if dialect == "duckdb" else registered_in_spark
        statements += [register(table, snapshot, root) for table in tables]
    if schema := NAMES[dialect].view_schema:
        statements.append(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    statements += [create_view(view, dialect, minimum) for view in VIEWS]
    return "".join(f"{statement};\n\n" for statement in statements)


def _registered(table: Table, snapshot: Snapshot, root: Path) -> str:
    return f"CREATE OR REPLACE VIEW {table.full_name} AS\n{files_query(table, snapshot, root)}"


def files_query(table: Table, snapshot: Snapshot, root: Path) -> str:
    """Return DuckDB's query over a table's files; no rows when it has none."""
    files = snapshot.files(table)
    if not files:
        nothing = ", ".join(f'NULL::{DUCKDB_TYPES[c.type]} AS "{c.name}"' for c in table.columns)
        return f"SELECT {nothing} WHERE false"
    columns = ", ".join(
        f'make_timestamp(epoch_us("{c.name}")) AS "{c.name}"'
        if c.type == "timestamp"
        else f'"{c.name}"::{DUCKDB_TYPES[c.type]} AS "{c.name}"'
        for c in table.columns
    )
    paths = ", ".join(quoted(str((root / file.path).resolve())) for file in files)
    return f"SELECT {columns}\nFROM read_parquet([{paths}], hive_partitioning=false)"


def write_database(root: Path, path: Path, *, minimum: int = MINIMUM) -> dict[str, int]:
    """Write a DuckDB file that holds what each view shows, as tables of the views' names; return their rows.

    The file stands alone: no student's id and no row of the lake is in it. A file that stood there is replaced whole.

    Raises: DataError when the lake holds no answers; ValueError when `minimum` is below 1.
    """
    statements = script(root, "duckdb", minimum=minimum)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    rows: dict[str, int] = {}
    try:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"ATTACH {quoted(str(draft))} AS shown")
            connection.execute(statements)
            for view in VIEWS:
                connection.execute(f"CREATE TABLE shown.{view.name} AS {view_query(view, 'duckdb', minimum)}")
                found = connection.execute(f"SELECT count(*) FROM shown.{view.name}").fetchall()
                rows[view.name] = int(found[0][0])
            connection.execute("DETACH shown")
        os.replace(draft, path)  # noqa: PTH105 - a database that someone reads is replaced whole
    finally:
        draft.unlink(missing_ok=True)
    return rows


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
