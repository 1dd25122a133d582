"""A table's columns as Arrow knows them, and rows written without an engine."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from knowtrace.errors import DataError
from knowtrace.lake.commits import DataFile
from knowtrace.lake.tables import BUCKET, BUCKETS, ColumnType, Table

_COMPUTE: Any = compute

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
    _check(table, rows)
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


def _check(table: Table, rows: Rows) -> None:
    """Raises: DataError when rows break what the table promises: they are of one landing, so no older row matters."""
    broken = [
        f"{column.name} is known"
        for column in table.columns
        if not column.is_nullable and column.name != "loaded_at" and rows[column.name].null_count
    ]
    for column in table.columns:
        if column.low is not None and (least := _COMPUTE.min(rows[column.name]).as_py()) is not None:
            broken += [f"{column.name} is at least {column.low:g}"] if least < column.low else []
    key = [name for name in table.key if name != "loaded_at"]
    if key and not _ascends(rows, key):
        counts = rows.group_by(key).aggregate([([], "count_all")])
        repeated = counts.filter(_COMPUTE.greater(counts["count_all"], 1))
        if repeated.num_rows:
            first = ", ".join(str(repeated[name][0].as_py()) for name in key)
            broken.append(f"{', '.join(key)} is unique ({repeated.num_rows:,} are not, the first is {first})")
    if broken:
        raise DataError(
            f"What was read breaks the promises of {table.full_name}: {'; '.join(broken)}. Nothing of it was landed."
        )


def _ascends(rows: Rows, key: Sequence[str]) -> bool:
    """Return whether each row's key comes after the one before, texts in the order they first appear.

    Then none is there twice. Rows are mostly read so, and this takes a tenth of the time of counting them by key.
    """
    after = np.zeros(max(rows.num_rows - 1, 0), dtype=np.bool_)
    same = ~after
    for name in key:
        values = rows[name]
        if pa.types.is_string(values.type):
            # Before chunks are put together: the texts themselves may be more than one array can hold.
            values = values.dictionary_encode().combine_chunks().indices
        steps = np.diff(np.asarray(values, dtype=np.float64))
        after |= same & (steps > 0)
        same &= steps == 0
    return bool(after.all())


def _by_bucket(rows: Rows) -> list[tuple[str | None, Rows]]:
    plain = rows.drop_columns([BUCKET])
    return [(bucket, plain.filter(_COMPUTE.equal(rows[BUCKET], bucket))) for bucket in BUCKETS]
