"""A table's columns as Arrow knows them, and rows written without an engine."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from knowtrace.lake.commits import DataFile
from knowtrace.lake.tables import BUCKET, BUCKETS, ColumnType, Table

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "texts": pa.list_(pa.string()),
    "longs": pa.list_(pa.int64()),
    "ints": pa.list_(pa.int32()),
    "doubles": pa.list_(pa.float64()),
}


Rows = Any
"""An Arrow table; the package carries no types."""


def arrow_schema(table: Table) -> Any:
    return pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])


def write_rows(root: Path, table: Table, rows: Rows, batch: str, loaded_at: datetime) -> list[DataFile]:
    """Write rows of a landed batch, stamped, as new files of a table; a bucketed table's rows have their `bucket`."""
    stamp = pa.array([loaded_at], pa.timestamp("us", tz="UTC")).take(
        pa.array(np.zeros(rows.num_rows, dtype=np.int8))
    )
    shaped = rows.append_column("loaded_at", stamp).select(
        [*table.column_names, *([BUCKET] if table.is_bucketed else [])]
    )
    parts = _by_bucket(shaped) if table.is_bucketed else [(None, shaped)]
    files: list[DataFile] = []
    for bucket, part in parts:
        if part.num_rows == 0:
            continue
        folder = root / table.layer / table.name / (batch if bucket is None else f"{batch}/{BUCKET}={bucket}")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "landed.parquet"
        parquet.write_table(part.cast(arrow_schema(table)), path, compression="zstd")
        files.append(DataFile(path=path.relative_to(root).as_posix(), num_rows=part.num_rows, bucket=bucket))
    return files


def _by_bucket(rows: Rows) -> list[tuple[str | None, Rows]]:
    buckets = rows[BUCKET].to_numpy()
    return [(bucket, rows.filter(pa.array(buckets == bucket)).drop_columns([BUCKET])) for bucket in BUCKETS]
