"""New files of a lake with some rows of older ones left out, part by part, and the commit they would make."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from knowtrace.lake.arrow import Rows, arrow_schema
from knowtrace.lake.commits import DataFile, Snapshot
from knowtrace.lake.engine import Engine, Frame
from knowtrace.lake.tables import BUCKET, Table

BATCH = 2
"""Where a data file's path within the lake names its batch."""


class Rewriting:
    """`before` is the lake as it was, `after` as a commit would make it; `rows` counts by table what was left out.

    Memory holds one row group of a file.
    """

    def __init__(self, root: Path, before: Snapshot, what: str) -> None:
        self.root, self.before, self.after = root, before, before
        self.rows: Counter[str] = Counter()
        self._name = f"{before.version + 1:08d}-{what}"
        self._num_written = 0

    def without(
        self,
        table: Table,
        file: DataFile,
        stays: Callable[[Rows], Iterable[bool]],
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        """Write a file anew without the rows that do not stay, told by some columns; one that keeps all is left."""
        source = parquet.ParquetFile(self.root / file.path)
        masks = [
            np.fromiter(stays(source.read_row_group(group, columns=columns)), dtype=np.bool_)
            for group in range(source.num_row_groups)
        ]
        num_gone = sum(int((~mask).sum()) for mask in masks)
        if num_gone:
            self.rows[table.full_name] += num_gone
            parts = (source.read_row_group(at).filter(pa.array(mask)) for at, mask in enumerate(masks))
            self.exchange(table, file, parts)

    def exchange(self, table: Table, file: DataFile, parts: Iterable[Rows]) -> None:
        """Put a new file of these rows in a file's place; a batch that waits goes on waiting."""
        is_waiting = Path(file.path).parts[BATCH] in self.before.pending
        name = f"{self._name}-waiting" if is_waiting else self._name
        if is_waiting and name not in self.after.pending:
            self.after = replace(self.after, pending=(*self.after.pending, name))
        kept = [one for one in self.after.files(table) if one != file]
        self.after = self.after.replaced(table, [*kept, *self._written(table, name, file.bucket, parts)])

    def append(self, table: Table, records: Sequence[dict[str, Any]]) -> None:
        rows = pa.Table.from_pylist(records, schema=arrow_schema(table))
        self.after = self.after.appended(table, self._written(table, self._name, None, [rows]))

    def replace(self, engine: Engine, table: Table, frame: Frame) -> None:
        """Put what an engine makes of a frame in the place of a whole table."""
        self._num_written += 1
        folder = self.root / table.layer / table.name / f"{self._name}-{self._num_written}"
        self.after = self.after.replaced(table, engine.write(frame, table, folder, self.root))

    def _written(self, table: Table, name: str, bucket: str | None, parts: Iterable[Rows]) -> list[DataFile]:
        """Write rows as a file of a table; where there are none, no file."""
        self._num_written += 1
        inner = f"{BUCKET}={bucket}" if bucket else ""
        path = self.root / table.layer / table.name / name / inner / f"part-{self._num_written}.parquet"
        writer, num_rows = None, 0
        for part in parts:
            if not part.num_rows:
                continue
            if writer is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                writer = parquet.ParquetWriter(path, part.schema, compression="zstd")
            writer.write_table(part)
            num_rows += part.num_rows
        if writer is None:
            return []
        writer.close()
        return [DataFile(path=path.relative_to(self.root).as_posix(), num_rows=num_rows, bucket=bucket)]
