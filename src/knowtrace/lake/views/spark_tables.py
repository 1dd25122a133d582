"""The lake's tables in Spark's catalogue: a Delta table at its place, else a view of the last commit's files."""

from pathlib import Path

from knowtrace.lake.commits import Snapshot
from knowtrace.lake.tables import ColumnType, Table

SPARK_TYPES: dict[ColumnType, str] = {
    "text": "STRING",
    "long": "BIGINT",
    "int": "INT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "texts": "ARRAY<STRING>",
    "longs": "ARRAY<BIGINT>",
    "ints": "ARRAY<INT>",
    "doubles": "ARRAY<DOUBLE>",
}


def registered_in_spark(table: Table, snapshot: Snapshot, root: Path) -> str:
    """Return the statement by which Spark knows a table of the lake under its name."""
    folder = (root / table.layer / table.name).resolve()
    if (folder / "_delta_log").is_dir():
        return f"CREATE TABLE IF NOT EXISTS {table.full_name} USING DELTA LOCATION {_quoted(str(folder))}"
    # A folder holds files of older commits, too: as a table it would show rows twice.
    columns = ", ".join(f"CAST({c.name} AS {SPARK_TYPES[c.type]}) AS {c.name}" for c in table.columns)
    parts = [
        f"SELECT {columns} FROM parquet.{_named(str((root / file.path).resolve()))}"
        for file in snapshot.files(table)
    ]
    if not parts:
        nothing = ", ".join(f"CAST(NULL AS {SPARK_TYPES[c.type]}) AS {c.name}" for c in table.columns)
        parts = [f"SELECT {nothing} WHERE FALSE"]
    return f"CREATE OR REPLACE VIEW {table.full_name} AS\n" + "\nUNION ALL\n".join(parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _named(text: str) -> str:
    return "`" + text.replace("`", "``") + "`"
