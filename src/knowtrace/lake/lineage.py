"""Where a row of gold came from: back over its event to the file, the line and the row as it was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import dataset

from knowtrace.errors import NotFoundError
from knowtrace.lake.bronze_tables import RAW_ACTION_LOGS, RAW_EDNET_KT1, RAW_LINES, SOURCE_FILES
from knowtrace.lake.commits import DataFile, Snapshot
from knowtrace.lake.gold_tables import FEATURES
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import Table, bucket_of

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """One answer at each layer. `raw` is the row as the source wrote it, None where its lines are not kept."""

    features: Record
    event: Record
    raw: Record | None
    source: Record


def lineage_of(root: Path, snapshot: Snapshot, user_id: str, position: int) -> Lineage:
    """Return where a student's answer came from, by its position from 1.

    Raises: NotFoundError when the lake has no such answer.
    """
    here = {"user_id": user_id, "position": position}
    bucket = [bucket_of(user_id)]
    event = _one(root, EVENTS, snapshot.files(EVENTS, bucket), here)
    if event is None:
        raise NotFoundError(f"The lake {root} has no answer {position} of student {user_id!r}: check both.")
    place = {"source_file": event["source_file"], "loaded_at": event["loaded_at"]}
    line = {} if event["line"] is None else {"line": event["line"]}
    raw = _one(root, RAW_EDNET_KT1, snapshot.files(RAW_EDNET_KT1, bucket), {**place, **line})
    for table in (RAW_ACTION_LOGS, RAW_LINES):
        if raw is None and line:
            raw = _one(root, table, snapshot.files(table), {**place, **line})
    landed = {"source_file": event["dataset"], "loaded_at": event["loaded_at"]}
    ledger = snapshot.files(SOURCE_FILES)
    source = _one(root, SOURCE_FILES, ledger, landed) or _one(root, SOURCE_FILES, ledger, place)
    features = _one(root, FEATURES, snapshot.files(FEATURES, bucket), here)
    if features is None or source is None:
        raise NotFoundError(
            f"The lake {root} lacks a part of answer {position} of student {user_id!r}: build it."
        )
    return Lineage(features=features, event=event, raw=raw, source=source)


def _one(root: Path, table: Table, files: Sequence[DataFile], where: Record) -> Record | None:
    """Return the first row whose columns have these values."""
    if not files:
        return None
    rows = dataset.dataset([str(root / file.path) for file in files], format="parquet")
    condition: Any = None
    for name, value in where.items():
        equal = dataset.field(name) == value
        condition = equal if condition is None else condition & equal
    found = rows.scanner(columns=list(table.column_names), filter=condition).head(1).to_pylist()
    return found[0] if found else None
