"""A landed batch: rows written to bronze, and what became of each source file, in one commit."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from knowtrace.lake.arrow import arrow_schema, write_rows
from knowtrace.lake.bronze_tables import SOURCE_FILES
from knowtrace.lake.commits import CommitLog, DataFile, Snapshot
from knowtrace.lake.reports import LandingReport
from knowtrace.lake.silver_tables import QUARANTINE
from knowtrace.lake.student_files import LandedFile, Rejected
from knowtrace.lake.tables import Table
from knowtrace.lake.traces import ERASED
from knowtrace.sources.ednet import UNREADABLE

Progress = Callable[[str, int, int], None]
"""(stage, done, total): called as work goes on."""


@dataclass(kw_only=True)
class Batch:
    """One batch: the files written to bronze, and what became of each source file, with its format.

    `others` counts rows that are no answers by their action.
    """

    name: str
    loaded_at: datetime
    written: list[tuple[Table, list[DataFile]]]
    files: list[tuple[LandedFile, str]]
    rejected: list[Rejected]
    num_known: int = 0
    notes: Sequence[str] = ()
    others: Counter[str] = field(default_factory=Counter[str])


def next_name(snapshot: Snapshot) -> str:
    return f"{snapshot.version + 1:08d}"


def now_after(after: str) -> datetime:
    """Return the time, later than an earlier commit's: a clock that was set back must not make new rows look old."""
    now = datetime.now(UTC)
    return max(now, datetime.fromisoformat(after) + timedelta(microseconds=1)) if after else now


def commit_batch(batch: Batch, log: CommitLog, snapshot: Snapshot, report: LandingReport) -> Snapshot:
    """Commit a batch's rows with its entries in the list of source files and the quarantine."""
    report.num_known_files += batch.num_known
    if not batch.files and not batch.rejected:
        return snapshot
    ledger = [
        {
            "content_hash": file.content_hash,
            "source_file": file.name,
            "format": form,
            "num_bytes": file.num_bytes,
            "num_rows": file.num_rows,
            "num_merged": file.num_merged,
            "num_quarantined": file.num_quarantined,
            "batch": batch.name,
        }
        for file, form in batch.files
    ]
    rejected = [
        {
            "source_file": row.file,
            "line": row.line,
            "column_name": row.column,
            "value": row.value,
            "rule": row.rule,
            "stage": "landing",
        }
        for row in batch.rejected
    ]
    written = list(batch.written)
    for table, records in ((SOURCE_FILES, ledger), (QUARANTINE, rejected)):
        schema = arrow_schema(table)
        rows = pa.Table.from_pylist(records, schema=schema.remove(schema.get_field_index("loaded_at")))
        written.append((table, write_rows(log.root, table, rows, batch.name, batch.loaded_at)))
    following = replace(snapshot, pending=(*snapshot.pending, batch.name))
    for table, files in written:
        following = following.appended(table, files)
    report.num_files += len(batch.files)
    report.num_unreadable_files += sum(row.rule == UNREADABLE for row in batch.rejected)
    report.num_rows += sum(file.num_rows for file, _ in batch.files)
    report.num_merged += sum(file.num_merged for file, _ in batch.files)
    report.num_quarantined += len(batch.rejected)
    report.num_erased += sum(row.rule == ERASED for row in batch.rejected)
    report.notes.extend(batch.notes)
    latest = max(batch.loaded_at, now_after(snapshot.created_at))
    return log.commit(following, created_at=latest.isoformat())
