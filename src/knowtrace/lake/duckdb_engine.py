"""DuckDB through SQLFrame: no set-up, out of core, one machine."""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
from pyarrow import parquet
from sqlframe.duckdb import DuckDBSession, Window
from sqlframe.duckdb import functions as duckdb_functions

from knowtrace.lake.commits import DataFile
from knowtrace.lake.engine import Frame, shaped, told_as_system_error
from knowtrace.lake.tables import BUCKET, ColumnType, Table

ROWS_AT_ONCE = 6_000_000
"""Rows of events that are worked on together: their sorts and lists stay within a few gigabytes."""

PARQUET = (
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, DICTIONARY_SIZE_LIMIT 1000, "
    "WRITE_BLOOM_FILTER false"
)
"""How tables are written. Version 2 packs differences of integers: half the work of the dictionaries that version 1
builds. With Zstandard's lowest level and dictionaries of few values files are no larger, and written in three quarters
of the time; nobody looks rows up by Bloom filters."""

DUCKDB_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "long": "BIGINT",
    "int": "INTEGER",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "BIGINT",
    "texts": "VARCHAR[]",
    "longs": "BIGINT[]",
    "ints": "INTEGER[]",
    "doubles": "DOUBLE[]",
}


class DuckDBEngine:
    """One in-memory DuckDB that spills to `work` beyond `memory`."""

    functions: Any = duckdb_functions
    window: Any = Window

    def __init__(self, *, work: Path, memory: str, threads: int) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect()
        for setting, value in (
            ("memory_limit", memory),
            ("temp_directory", str(work)),
            ("threads", threads),
            ("TimeZone", "UTC"),
            ("preserve_insertion_order", False),
            ("enable_progress_bar", False),
        ):
            self._connection.execute(f"SET {setting} = ?", [value])
        self._session = DuckDBSession(conn=self._connection)

    def read(self, table: Table, files: Sequence[DataFile], root: Path) -> Frame:
        columns = ", ".join(_read_column(column.name, column.type) for column in table.columns)
        if not files:
            nothing = ", ".join(f'NULL::{DUCKDB_TYPES[c.type]} AS "{c.name}"' for c in table.columns)
            bucket = f", NULL::VARCHAR AS {BUCKET}" if table.is_bucketed else ""
            query = f"SELECT {nothing}{bucket} WHERE false"
        else:
            paths = ", ".join(_quoted(str(root / file.path)) for file in files)
            hive = ", hive_partitioning=true, hive_types={'bucket': VARCHAR}" if table.is_bucketed else ""
            bucket = f", {BUCKET}" if table.is_bucketed else ""
            hive = hive or ", hive_partitioning=false"
            query = f"SELECT {columns}{bucket} FROM read_parquet([{paths}]{hive})"  # noqa: S608 - of our own names
        return self._view(query)

    def write(
        self, frame: Frame, table: Table, folder: Path, root: Path, buckets: Sequence[str] = ()
    ) -> list[DataFile]:
        folder.mkdir(parents=True)
        query = shaped(frame, table, self.functions).sql(dialect="duckdb", optimize=False, pretty=False)
        columns = ", ".join(_write_column(column.name, column.type) for column in table.columns)
        if table.is_bucketed and len(buckets) == 1:
            # Writing parts by bucket costs half as much again: with one bucket there is nothing to part.
            target, partition = folder / f"{BUCKET}={buckets[0]}" / "part-0.parquet", ""
            target.parent.mkdir()
        elif table.is_bucketed:
            target, columns, partition = folder, f"{columns}, {BUCKET}", f", PARTITION_BY ({BUCKET})"
        else:
            target, partition = folder / "part-0.parquet", ""
        with told_as_system_error():
            self._connection.execute(
                f"COPY (SELECT {columns} FROM ({query})) TO {_quoted(str(target))} "  # noqa: S608 - of our own names
                f"({PARQUET}{partition})"
            )
        return [file for file in written_files(folder, root) if file.num_rows]

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        query = frame.sql(dialect="duckdb", optimize=False, pretty=False)
        with told_as_system_error():
            return self._connection.execute(query).fetchall()

    def named(self, frame: Frame) -> Frame:
        # SQLFrame copies a frame's whole plan at every operation, DuckDB puts a view's query back in.
        return self._view(frame.sql(dialect="duckdb", optimize=False, pretty=False))

    def groups(self, buckets: Iterable[str], rows_of: dict[str, int]) -> list[list[str]]:
        groups: list[list[str]] = []
        held = 0
        for bucket in sorted(buckets):
            rows = rows_of.get(bucket, 0)
            if not groups or held + rows > ROWS_AT_ONCE:
                groups.append([])
                held = 0
            groups[-1].append(bucket)
            held += rows
        return groups

    def _view(self, query: str) -> Frame:
        name = f"t{uuid.uuid4().hex}"
        self._connection.execute(f"CREATE VIEW {name} AS {query}")
        columns = self._connection.execute(f"SELECT * FROM {name} LIMIT 0").description  # noqa: S608 - our own name
        # Told the names, SQLFrame does not search the catalogue for them, which takes five times as long. Types it
        # would use only to optimise plans, which DuckDB does.
        self._session.catalog.add_table(name, {column: "string" for column, *_ in columns or []})
        return self._session.table(name)

    def close(self) -> None:
        # SQLFrame has one session in a process: stopping it lets the next engine have its own.
        self._session.stop()
        self._connection.close()


def written_files(folder: Path, root: Path) -> list[DataFile]:
    """Return the Parquet files below a folder with their rows and buckets."""
    files: list[DataFile] = []
    for path in sorted(folder.rglob("*.parquet")):
        num_rows = parquet.read_metadata(path).num_rows
        parent = path.parent.name
        bucket = parent.removeprefix(f"{BUCKET}=") if parent.startswith(f"{BUCKET}=") else None
        files.append(DataFile(path=path.relative_to(root).as_posix(), num_rows=num_rows, bucket=bucket))
    return files


def _read_column(name: str, column_type: ColumnType) -> str:
    if column_type == "timestamp":
        return f'epoch_us("{name}") AS "{name}"'
    return f'"{name}"::{DUCKDB_TYPES[column_type]} AS "{name}"'


def _write_column(name: str, column_type: ColumnType) -> str:
    if column_type == "timestamp":
        return f'make_timestamp("{name}")::TIMESTAMPTZ AS "{name}"'
    return f'"{name}"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
