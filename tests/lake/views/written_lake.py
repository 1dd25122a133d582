"""A lake written by hand: events as plain tuples, and what follows from them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.checks import BY_NAME
from knowtrace.lake.commits import CommitLog, DataFile
from knowtrace.lake.tables import bucket_of

LOADED_AT = datetime(2024, 3, 1, 12)


@dataclass(frozen=True, kw_only=True)
class Event:
    student: str
    item: str
    skills: tuple[str, ...] = ()
    at: datetime | None = None
    response: int = 0
    categories: int = 2
    latency_ms: int | None = None
    help: bool | None = None


def write_lake(
    root: Path, events: Sequence[Event], others: dict[str, list[dict[str, Any]]] | None = None
) -> Path:
    """Commit a lake of these events, each student's in the order given; `others` are rows of other tables."""
    rows: dict[str, list[dict[str, Any]]] = {
        "silver.canonical_learning_events": _events(events),
        "silver.users": _users(events),
        "silver.items": _items(events),
        **(others or {}),
    }
    log = CommitLog(root)
    snapshot = log.last()
    for name, content in rows.items():
        snapshot = snapshot.replaced(BY_NAME[name], _write(root, name, content, snapshot.version + 1))
    log.commit(snapshot, created_at=datetime.now(UTC).isoformat())
    return root


def _write(root: Path, name: str, rows: list[dict[str, Any]], version: int) -> list[DataFile]:
    table = BY_NAME[name]
    parts: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        parts[bucket_of(row["user_id"]) if table.is_bucketed else None].append(row)
    files: list[DataFile] = []
    for bucket, part in parts.items():
        folder = root / table.layer / table.name / f"{version:08d}"
        folder = folder if bucket is None else folder / f"bucket={bucket}"
        folder.mkdir(parents=True)
        path = folder / "part-0.parquet"
        parquet.write_table(pa.Table.from_pylist(part, arrow_schema(table)), path)
        files.append(DataFile(path=path.relative_to(root).as_posix(), num_rows=len(part), bucket=bucket))
    return files


def _events(events: Sequence[Event]) -> list[dict[str, Any]]:
    positions: dict[str, int] = defaultdict(int)
    rows: list[dict[str, Any]] = []
    for event in events:
        positions[event.student] += 1
        rows.append(
            {
                "user_id": event.student,
                "position": positions[event.student],
                "container": positions[event.student],
                "item_id": event.item,
                "skill_ids": list(event.skills),
                "timestamp": event.at,
                "correct": int(event.response == event.categories - 1),
                "response": event.response,
                "num_categories": event.categories,
                "latency_ms": event.latency_ms,
                "help_requested": event.help,
                "dataset": "by hand",
                "order_key": positions[event.student],
                "source_file": f"{event.student}.csv",
                "loaded_at": LOADED_AT,
            }
        )
    return rows


def _users(events: Sequence[Event]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for student in dict.fromkeys(event.student for event in events):
        own = [event for event in events if event.student == student]
        correct = sum(event.response == event.categories - 1 for event in own)
        rows.append(
            {
                "user_id": student,
                "num_events": len(own),
                "num_items": len({event.item for event in own}),
                "share_correct": correct / len(own),
            }
        )
    return rows


def _items(events: Sequence[Event]) -> list[dict[str, Any]]:
    skills = {event.item: list(event.skills) for event in events}
    return [
        {
            "item_id": item,
            "skill_ids": found,
            "num_events": sum(event.item == item for event in events),
            "num_training_events": 0,
        }
        for item, found in skills.items()
    ]
