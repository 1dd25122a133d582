"""Landing: new files of a source into bronze, in batches, each a commit. A file whose bytes are known is passed over."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from knowtrace.lake import student_files
from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.bronze_tables import (
    PARSED_ANSWERS,
    RAW_EDNET_KT1,
    RAW_EDNET_QUESTIONS,
    RAW_LINES,
    SOURCE_FILES,
)
from knowtrace.lake.commits import CommitLog, DataFile, Snapshot
from knowtrace.lake.parsed import parse
from knowtrace.lake.silver_tables import QUARANTINE
from knowtrace.lake.sources_found import Source, SourceOptions
from knowtrace.lake.student_files import LandedFile, Rejected
from knowtrace.lake.tables import Table

BATCHES_AHEAD = 2
"""Batches a worker may have waiting: enough to keep it busy, few enough to hold in memory."""

Progress = Callable[[str, int, int], None]
"""(stage, done, total): called as work goes on."""


@dataclass(kw_only=True)
class LandingReport:
    """What one landing brought."""

    num_files: int = 0
    num_known_files: int = 0
    num_unreadable_files: int = 0
    num_rows: int = 0
    num_merged: int = 0
    num_quarantined: int = 0
    notes: list[str] = field(default_factory=list[str])


@dataclass(kw_only=True)
class _Batch:
    """Bronze rows of one batch, ready to be written: tables by name, and what became of each file."""

    tables: list[tuple[Table, pa.Table]]
    files: list[tuple[LandedFile, str, int]]
    rejected: list[Rejected]
    num_known: int = 0
    notes: Sequence[str] = ()


def land_source(
    source: Source, options: SourceOptions, log: CommitLog, snapshot: Snapshot, *, workers: int, progress: Progress
) -> tuple[Snapshot, LandingReport]:
    """Land what is new of a source; return the lake's new commit and a report.

    Raises: DataError when the source cannot be read as answers at all.
    """
    report = LandingReport()
    known = known_hashes(log.root, snapshot)
    if source.questions is not None:
        batch = _land_questions(source.questions, known)
        if batch is not None:
            snapshot = _commit(batch, log, snapshot, report)
    if source.students:
        return _land_students(source, known, log, snapshot, report, workers=workers, progress=progress), report
    for i, path in enumerate(source.files):
        progress("landing", i, len(source.files))
        digest, num_bytes = hash_of(path)
        if digest in known:
            report.num_known_files += 1
            continue
        batch = _land_parsed(path, digest, num_bytes, source, options)
        snapshot = _commit(batch, log, snapshot, report)
    progress("landing", len(source.files), len(source.files))
    return snapshot, report


def known_hashes(root: Path, snapshot: Snapshot) -> frozenset[str]:
    """Return the content hashes of all files landed before."""
    found: set[str] = set()
    for file in snapshot.files(SOURCE_FILES):
        found.update(parquet.read_table(root / file.path, columns=["content_hash"])["content_hash"].to_pylist())
    return frozenset(found)


def hash_of(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file's bytes, or of the names and bytes of a folder's files, and the size in bytes."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    size = 0
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while piece := stream.read(2**20):
                digest.update(piece)
                size += len(piece)
    return digest.hexdigest(), size


def _land_students(
    source: Source,
    known: frozenset[str],
    log: CommitLog,
    snapshot: Snapshot,
    report: LandingReport,
    *,
    workers: int,
    progress: Progress,
) -> Snapshot:
    parts = student_files.batches(source.students)
    done = 0
    for landed in _in_turn(parts, known, workers):
        rows = landed.rows
        batch = _Batch(
            tables=[(RAW_EDNET_KT1, rows)],
            files=[(file, source.format, 0) for file in landed.files],
            rejected=landed.rejected,
            num_known=landed.num_known,
        )
        if landed.files or landed.rejected:
            snapshot = _commit(batch, log, snapshot, report)
        else:
            report.num_known_files += landed.num_known
        done += 1
        progress("landing", done, len(parts))
    return snapshot


def _in_turn(parts: list[list[student_files.Member]], known: frozenset[str], workers: int) -> Any:
    """Yield each part as landed: by other processes, a few ahead, when there is work for them."""
    columns = tuple(name for name in RAW_EDNET_KT1.column_names if name not in ("source_file", "line", "loaded_at"))
    if workers < 2 or len(parts) < 2:
        for part in parts:
            yield student_files.land(part, columns, known)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_remember, initargs=(columns, known)
    ) as pool:
        waiting: set[Future[student_files.Landed]] = set()
        for part in parts:
            waiting.add(pool.submit(_land_part, part))
            while len(waiting) >= workers * BATCHES_AHEAD:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield future.result()
        for future in list(waiting):
            yield future.result()


_work: dict[str, Any] = {}
"""What a worker process needs for every part, sent to it once."""


def _remember(columns: tuple[str, ...], known: frozenset[str]) -> None:
    _work.update(columns=columns, known=known)


def _land_part(part: list[student_files.Member]) -> student_files.Landed:
    return student_files.land(part, _work["columns"], _work["known"])


def _land_questions(path: Path, known: frozenset[str]) -> _Batch | None:
    columns = ("question_id", "bundle_id", "correct_answer", "tags")
    member = student_files.Member(path=str(path), name=path.name, size=path.stat().st_size)
    landed = student_files.land([member], columns, known)
    if not landed.files:
        return None
    return _Batch(
        tables=[(RAW_EDNET_QUESTIONS, landed.rows)],
        files=[(file, "EdNet questions", 0) for file in landed.files],
        rejected=landed.rejected,
    )


def _land_parsed(path: Path, digest: str, num_bytes: int, source: Source, options: SourceOptions) -> _Batch:
    parsed = parse(path, options)
    file = LandedFile(
        name=path.name,
        content_hash=digest,
        num_bytes=num_bytes,
        num_rows=parsed.answers.num_rows + parsed.num_merged + len(parsed.rejected),
        num_quarantined=len(parsed.rejected),
    )
    return _Batch(
        tables=[(PARSED_ANSWERS, parsed.answers), (RAW_LINES, parsed.lines)],
        files=[(file, parsed.format, parsed.num_merged)],
        rejected=parsed.rejected,
        notes=parsed.notes,
    )


def _commit(batch: _Batch, log: CommitLog, snapshot: Snapshot, report: LandingReport) -> Snapshot:
    """Write a batch's rows and commit them with its entries in the list of source files."""
    now = datetime.now(UTC)
    name = f"{snapshot.version + 1:08d}"
    following = replace(snapshot, pending=(*snapshot.pending, name))
    ledger = [
        {
            "content_hash": file.content_hash,
            "source_file": file.name,
            "format": form,
            "num_bytes": file.num_bytes,
            "num_rows": file.num_rows,
            "num_merged": merged,
            "num_quarantined": file.num_quarantined,
            "batch": name,
            "loaded_at": now,
        }
        for file, form, merged in batch.files
    ]
    rejected = [
        {
            "source_file": row.file,
            "line": row.line,
            "column_name": row.column,
            "value": row.value,
            "rule": row.rule,
            "stage": "landing",
            "loaded_at": now,
        }
        for row in batch.rejected
    ]
    for table, rows in batch.tables:
        if rows.num_rows:
            stamped = rows.append_column("loaded_at", pa.array([now] * rows.num_rows, pa.timestamp("us")))
            following = following.appended(table, [_written(table, stamped, log.root, name)])
    for table, records in ((SOURCE_FILES, ledger), (QUARANTINE, rejected)):
        if records:
            rows = pa.Table.from_pylist(records, schema=arrow_schema(table))
            following = following.appended(table, [_written(table, rows, log.root, name)])
    report.num_files += len(batch.files)
    report.num_known_files += batch.num_known
    report.num_unreadable_files += sum(row.line is None for row in batch.rejected)
    report.num_rows += sum(file.num_rows for file, _, _ in batch.files)
    report.num_merged += sum(merged for _, _, merged in batch.files)
    report.num_quarantined += len(batch.rejected)
    report.notes.extend(batch.notes)
    return log.commit(following, created_at=now.isoformat())


def _written(table: Table, rows: pa.Table, root: Path, batch: str) -> DataFile:
    folder = root / table.layer / table.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{batch}.parquet"
    parquet.write_table(rows.select(table.column_names).cast(arrow_schema(table)), path, compression="zstd")
    return DataFile(path=path.relative_to(root).as_posix(), num_rows=rows.num_rows)
