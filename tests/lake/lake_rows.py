"""Tables of a lake as plain rows, for tests to compare."""

from pathlib import Path
from typing import Any

from pyarrow import parquet

from knowtrace.lake import TABLES, CommitLog, Table
from knowtrace.sources import Dataset

BY_NAME = {table.full_name: table for table in TABLES}
NOW = ("loaded_at",)
"""Columns that say when, not what."""


def rows_of(root: Path, name: str) -> list[dict[str, Any]]:
    """Return a table's rows, in no order."""
    table = BY_NAME[name]
    return [row for file in CommitLog(root).last().files(table) for row in _read(root / file.path, table)]


def _read(path: Path, table: Table) -> list[dict[str, Any]]:
    return parquet.ParquetFile(path).read(columns=list(table.column_names)).to_pylist()


def content_of(root: Path, name: str, *, without: tuple[str, ...] = NOW) -> list[str]:
    """Return a table's rows as sorted text, without the columns that say when."""
    return sorted(
        repr([(key, value) for key, value in row.items() if key not in without])
        for row in rows_of(root, name)
    )


def all_content(root: Path) -> dict[str, list[str]]:
    return {table.full_name: content_of(root, table.full_name) for table in TABLES}


def histories(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return each student's events in order, as loaders would give them."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    rows = rows_of(root, "silver.canonical_learning_events")
    for row in sorted(rows, key=lambda row: (row["user_id"], row["position"])):
        found.setdefault(row["user_id"], []).append(
            (row["item_id"], tuple(row["skill_ids"]), row["response"], row["timestamp"], row["latency_ms"],
             row["container_id"], row["hints_used"], row["attempt"])
        )  # fmt: skip
    return found


def histories_of(dataset: Dataset) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a loader read, in the same form."""
    return {
        student: [
            (a.item_id, a.skill_ids, a.response, a.answered_at, _milliseconds(a.elapsed_seconds), a.container_id,
             a.hints_used, a.attempt)
            for a in history
        ]
        for student, history in dataset.students.items()
    }  # fmt: skip


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000 + 0.5)
