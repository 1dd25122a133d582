"""Where a row of gold came from: back over its event to the file, the line and the row as it was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pyarrow import dataset

from knowtrace.errors import NotFoundError
from knowtrace.lake.arrow import Rows, arrow_schema
from knowtrace.lake.bronze_tables import RAW_ACTION_LOGS, RAW_EDNET_KT1, RAW_LINES, SOURCE_FILES
from knowtrace.lake.commits import DataFile, Snapshot
from knowtrace.lake.gold_tables import FEATURES, ITEM_DAYS, ITEM_PARAMETERS, ITEM_VOCABULARY
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import Table, bucket_of

Record = dict[str, Any]

PLACE = ("user_id", "position", "timestamp", "dataset", "source_file", "line", "loaded_at")
"""Columns of an event that say whose it is, and where in bronze it came from."""

MAX_LISTED = 20
"""Files and rows of bronze that are listed of an item: popular ones have as many as students."""


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """One answer at each layer. `raw` is the row as the source wrote it, None where its lines are not kept."""

    features: Record
    event: Record
    raw: Record | None
    source: Record


@dataclass(frozen=True, kw_only=True)
class ItemFile:
    """A file, as it was landed once, and how many of an item's answers came from it."""

    dataset: str
    source_file: str
    loaded_at: datetime
    num_events: int


@dataclass(frozen=True, kw_only=True)
class ItemLineage:
    """What an item's rows of gold were counted from.

    `vocabulary` is its number, `parameters` the rows that were appended of it, `num_days` its rows of item_days.
    Of `num_files` files `files` are those with most answers, of `num_events` answers `places` the first: the student,
    the position, and the file and line in bronze, where it is known; those without a time come last. Both hold at most
    MAX_LISTED. `first` is None where all answers were withdrawn or erased.
    """

    vocabulary: Record
    num_days: int
    parameters: tuple[Record, ...]
    num_events: int
    first: Lineage | None
    places: tuple[Record, ...]
    num_files: int
    files: tuple[ItemFile, ...]


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


def item_lineage(root: Path, snapshot: Snapshot, item_id: str) -> ItemLineage:
    """Return where an item's answers came from. Raises: NotFoundError when the lake has no such item."""
    here = {"item_id": item_id}
    vocabulary = _one(root, ITEM_VOCABULARY, snapshot.files(ITEM_VOCABULARY), here)
    if vocabulary is None:
        raise NotFoundError(f"The lake {root} has no item {item_id!r}: give the id as the source writes it.")
    events = _rows(root, EVENTS, snapshot.files(EVENTS), here, columns=PLACE)
    by_time = [("timestamp", "ascending"), ("user_id", "ascending"), ("position", "ascending")]
    places = events.sort_by(by_time).slice(0, MAX_LISTED).to_pylist()
    counts = events.group_by(["dataset", "source_file", "loaded_at"]).aggregate([([], "count_all")])
    files = counts.sort_by([("count_all", "descending"), ("source_file", "ascending")])
    parameters = _rows(root, ITEM_PARAMETERS, snapshot.files(ITEM_PARAMETERS), here)
    return ItemLineage(
        vocabulary=vocabulary,
        num_days=_rows(root, ITEM_DAYS, snapshot.files(ITEM_DAYS), here, columns=("day",)).num_rows,
        parameters=tuple(parameters.to_pylist()),
        num_events=events.num_rows,
        first=lineage_of(root, snapshot, places[0]["user_id"], places[0]["position"]) if places else None,
        places=tuple(places),
        num_files=counts.num_rows,
        files=tuple(
            ItemFile(num_events=row.pop("count_all"), **row) for row in files.slice(0, MAX_LISTED).to_pylist()
        ),
    )


def _one(root: Path, table: Table, files: Sequence[DataFile], where: Record) -> Record | None:
    """Return the first row whose columns have these values."""
    found = _scanner(root, table, files, where).head(1).to_pylist()
    return found[0] if found else None


def _rows(
    root: Path, table: Table, files: Sequence[DataFile], where: Record, *, columns: Sequence[str] = ()
) -> Rows:
    """Return all such rows, all columns or some."""
    return _scanner(root, table, files, where, columns=columns).to_table()


def _scanner(
    root: Path, table: Table, files: Sequence[DataFile], where: Record, *, columns: Sequence[str] = ()
) -> Any:
    schema = arrow_schema(table)
    paths = [str(root / file.path) for file in files]
    rows = dataset.dataset(paths, format="parquet") if paths else dataset.dataset(schema.empty_table())
    condition: Any = None
    for name, value in where.items():
        equal = dataset.field(name) == value
        condition = equal if condition is None else condition & equal
    return rows.scanner(columns=list(columns or table.column_names), filter=condition)
