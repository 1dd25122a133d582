"""The lake's tables as Delta tables: the same Parquet files, told to Delta's log by delta-rs. Nothing is copied."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.commits import DataFile, Snapshot
from knowtrace.lake.tables import BUCKET, Table

COMMIT = "knowtrace.commit"
"""What a Delta commit says of the lake's commit it shows."""


def publish_delta(root: Path, snapshot: Snapshot, tables: Sequence[Table]) -> dict[str, int]:
    """Make each table's folder a Delta table of the snapshot's files; return the Delta version of each.

    A table changes in one Delta commit, and a table that shows these files already does not change. Files that the lake
    has swept are gone for Delta too: it keeps no history beyond the lake's own. Tables without rows are Delta tables,
    too, so that a catalogue can register them before they are filled.
    """
    return {
        table.full_name: _publish(root, table, snapshot.files(table), snapshot.version) for table in tables
    }


def delta_folder(root: Path, table: Table) -> Path:
    return root / table.layer / table.name


def _publish(root: Path, table: Table, files: Sequence[DataFile], version: int) -> int:
    folder = delta_folder(root, table)
    wanted = {str(Path(file.path).relative_to(folder.relative_to(root))): file for file in files}
    schema = Schema.from_arrow(_schema(table))
    partition_by = [BUCKET] if table.is_bucketed else None
    properties = CommitProperties(custom_metadata={COMMIT: str(version)})
    if not DeltaTable.is_deltatable(str(folder)):
        create_table_with_add_actions(
            str(folder),
            schema,
            [_added(folder, path, file) for path, file in wanted.items()],
            mode="error",
            partition_by=partition_by,
            name=table.full_name,
            description=f"One row is {table.grain}.",
            commit_properties=properties,
        )
        return 0
    shown = DeltaTable(str(folder))
    known = {one.name for one in shown.schema().fields}
    if new := [one for one in schema.fields if one.name not in known]:
        shown.alter.add_columns(new)
    present = {action["path"]: action for action in _files_of(shown)}
    changes: list[AddAction | RemoveAction] = [
        _added(folder, path, file) for path, file in wanted.items() if path not in present
    ]
    changes += [_removed(action) for path, action in present.items() if path not in wanted]
    if changes:
        shown.create_write_transaction(
            changes, mode="append", schema=schema, partition_by=partition_by, commit_properties=properties
        )
        shown.update_incremental()
    return shown.version()


def _files_of(table: DeltaTable) -> list[dict[str, Any]]:
    return pa.table(table.get_add_actions()).to_pylist()


def _added(folder: Path, path: str, file: DataFile) -> AddAction:
    stat = (folder / path).stat()
    return AddAction(
        path=path,
        size=stat.st_size,
        partition_values={BUCKET: file.bucket} if file.bucket else {},
        modification_time=int(stat.st_mtime * 1000),
        data_change=True,
        stats=orjson.dumps({"numRecords": file.num_rows}).decode(),
    )


def _removed(action: dict[str, Any]) -> RemoveAction:
    partition = {BUCKET: action["partition"][BUCKET]} if "partition" in action else {}
    return RemoveAction(
        path=action["path"],
        data_change=True,
        deletion_timestamp=int(datetime.now(UTC).timestamp() * 1000),
        partition_values=partition,
    )


def _schema(table: Table) -> Any:
    fields = list(arrow_schema(table))
    return pa.schema([*fields, pa.field(BUCKET, pa.string())] if table.is_bucketed else fields)
