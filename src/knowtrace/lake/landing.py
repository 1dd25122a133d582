"""Landing: new files of a source into bronze, a commit per batch. A file whose bytes are known is passed over."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from knowtrace.errors import DataError
from knowtrace.lake import student_files
from knowtrace.lake.arrow import arrow_schema, write_rows
from knowtrace.lake.bronze_tables import (
    PARSED_ANSWERS,
    RAW_EDNET_KT1,
    RAW_EDNET_QUESTIONS,
    RAW_LINES,
    SOURCE_FILES,
    WITHDRAWALS,
)
from knowtrace.lake.commits import CommitLog, DataFile, Snapshot
from knowtrace.lake.erased import ErasedStudents
from knowtrace.lake.parsed import parse, source_name
from knowtrace.lake.silver_tables import QUARANTINE
from knowtrace.lake.sources_found import Source
from knowtrace.lake.student_files import LandedFile, Member, Rejected
from knowtrace.lake.tables import Table
from knowtrace.lake.traces import ERASED, student_of_file
from knowtrace.sources.ednet import UNREADABLE
from knowtrace.sources.formats import SourceOptions

NO_FORMAT = "unreadable"
"""The format of a file that no loader could read."""

BATCHES_AHEAD = 2
"""Batches a worker may have waiting: enough to keep it busy, few enough to hold in memory."""

Progress = Callable[[str, int, int], None]
"""(stage, done, total): called as work goes on."""


@dataclass(kw_only=True)
class LandingReport:
    """What one landing brought.

    Of the quarantined rows `num_erased` are of erased students; `num_erased_files` are files of theirs, not read.
    """

    num_files: int = 0
    num_known_files: int = 0
    num_unreadable_files: int = 0
    num_rows: int = 0
    num_merged: int = 0
    num_quarantined: int = 0
    num_erased: int = 0
    num_erased_files: int = 0
    notes: list[str] = field(default_factory=list[str])


@dataclass(kw_only=True)
class _Batch:
    """One batch: the files written to bronze, and what became of each source file."""

    name: str
    loaded_at: datetime
    written: list[tuple[Table, list[DataFile]]]
    files: list[tuple[LandedFile, str, int]]
    rejected: list[Rejected]
    num_known: int = 0
    notes: Sequence[str] = ()


def land_source(
    source: Source,
    options: SourceOptions,
    log: CommitLog,
    snapshot: Snapshot,
    *,
    erased: ErasedStudents,
    workers: int,
    progress: Progress,
) -> tuple[Snapshot, LandingReport]:
    """Land what is new of a source, but for erased students; return the lake's new commit and a report.

    Raises: DataError when the source cannot be read as answers at all.
    """
    report = LandingReport()
    known = known_hashes(log.root, snapshot)
    if source.questions is not None:
        snapshot = _commit(_land_questions(source.questions, known, log, snapshot), log, snapshot, report)
    if source.students:
        students = without_erased(source.students, erased)
        report.num_erased_files = len(source.students) - len(students)
        source = replace(source, students=students)
        return _land_students(
            source, known, log, snapshot, report, workers=workers, progress=progress
        ), report
    seen = set(known_hashes(log.root, snapshot, readable=True))
    for done, path in enumerate(source.files, 1):
        batch = None
        digest, num_bytes, why = _hashed(path)
        if why and len(source.files) == 1:
            raise DataError(why)
        if why:
            seen.add(digest)
            if digest not in known:
                batch = _unreadable(path, digest, num_bytes, why, snapshot)
        if digest not in seen:
            seen.add(digest)
            try:
                batch = _land_parsed(path, digest, num_bytes, options, erased, log, snapshot)
            except DataError as error:
                if len(source.files) == 1:
                    raise
                # What could not be read is tried again, as its columns may be told by now, but listed once.
                if digest not in known:
                    batch = _unreadable(path, digest, num_bytes, str(error), snapshot)
        if batch is None:
            report.num_known_files += 1
        else:
            snapshot = _commit(batch, log, snapshot, report)
        progress("landing", done, len(source.files))
    return snapshot, report


def without_erased(students: Sequence[Member], erased: ErasedStudents) -> tuple[Member, ...]:
    """Return the students' files but for those of erased students, which are not even read."""
    return tuple(member for member in students if student_of_file(member.name) not in erased)


def _next(snapshot: Snapshot) -> str:
    return f"{snapshot.version + 1:08d}"


def now_after(after: str) -> datetime:
    """Return the time, later than an earlier commit's: a clock that was set back must not make new rows look old."""
    now = datetime.now(UTC)
    return max(now, datetime.fromisoformat(after) + timedelta(microseconds=1)) if after else now


def known_hashes(root: Path, snapshot: Snapshot, *, readable: bool = False) -> frozenset[str]:
    """Return the content hashes of all files landed before, or of those alone that could be read."""
    found: set[str] = set()
    for file in snapshot.files(SOURCE_FILES):
        rows = parquet.ParquetFile(root / file.path).read(columns=["content_hash", "format"])
        found.update(
            digest
            for digest, form in zip(rows["content_hash"].to_pylist(), rows["format"].to_pylist(), strict=True)
            if not (readable and form == NO_FORMAT)
        )
    return frozenset(found)


def _hashed(path: Path) -> tuple[str, int, str]:
    """Return what `hash_of` does, or of a file that cannot be opened a hash of its name, 0, and why.

    Nothing is known of its bytes: so it is listed once, and landed when it can be read.
    """
    try:
        return *hash_of(path), ""
    except OSError as error:
        digest = hashlib.sha256(f"{NO_FORMAT}\0{source_name(path)}".encode()).hexdigest()
        return digest, 0, f"{path} cannot be read ({error.strerror}): let it be read, or leave it out."


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
    names = [f"{snapshot.version + 1:08d}-{number:05d}" for number in range(len(parts))]
    work = [
        _Part(members=part, name=name, root=log.root, source=source, after=snapshot.created_at)
        for part, name in zip(parts, names, strict=True)
    ]
    for done, batch in enumerate(_in_turn(work, known, workers), 1):
        snapshot = _commit(batch, log, snapshot, report)
        progress("landing", done, len(parts))
    return snapshot


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Some students' files, the name of the batch they become, and the commit it comes after."""

    members: list[student_files.Member]
    name: str
    root: Path
    source: Source
    after: str


def _in_turn(parts: list[_Part], known: frozenset[str], workers: int) -> Iterator[_Batch]:
    """Yield each part as landed: by other processes, a few ahead, when there is work for them."""
    if workers < 2 or len(parts) < 2:
        yield from (_land_part(part, known) for part in parts)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_remember, initargs=(known,)
    ) as pool:
        waiting: set[Future[_Batch]] = set()
        for part in parts:
            waiting.add(pool.submit(_land_part, part))
            while len(waiting) >= workers * BATCHES_AHEAD:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ready)
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ready)


_known_here: frozenset[str] = frozenset()
"""The hashes that this worker process was told once, for all its parts."""


def _remember(known: frozenset[str]) -> None:
    global _known_here  # noqa: PLW0603 - what a pool's initializer leaves for its tasks
    _known_here = known


def _land_part(part: _Part, known: frozenset[str] | None = None) -> _Batch:
    columns = tuple(
        name for name in RAW_EDNET_KT1.column_names if name not in ("source_file", "line", "loaded_at")
    )
    landed = student_files.land(part.members, columns, _known_here if known is None else known)
    now = now_after(part.after)
    return _Batch(
        name=part.name,
        loaded_at=now,
        written=[(RAW_EDNET_KT1, write_rows(part.root, RAW_EDNET_KT1, landed.rows, part.name, now))],
        files=[(file, part.source.format, 0) for file in landed.files],
        rejected=landed.rejected,
        num_known=landed.num_known,
    )


def _land_questions(path: Path, known: frozenset[str], log: CommitLog, snapshot: Snapshot) -> _Batch:
    columns = ("question_id", "bundle_id", "correct_answer", "tags")
    member = student_files.Member(path=str(path), name=path.name, size=path.stat().st_size)
    landed = student_files.land([member], columns, known)
    name, now = _next(snapshot), now_after(snapshot.created_at)
    return _Batch(
        name=name,
        loaded_at=now,
        written=[(RAW_EDNET_QUESTIONS, write_rows(log.root, RAW_EDNET_QUESTIONS, landed.rows, name, now))],
        files=[(file, "EdNet questions", 0) for file in landed.files],
        rejected=landed.rejected,
        num_known=landed.num_known,
    )


def _land_parsed(
    path: Path,
    digest: str,
    num_bytes: int,
    options: SourceOptions,
    erased: ErasedStudents,
    log: CommitLog,
    snapshot: Snapshot,
) -> _Batch:
    parsed = parse(path, options, erased)
    file = LandedFile(
        name=source_name(path),
        content_hash=digest,
        num_bytes=num_bytes,
        num_rows=parsed.answers.num_rows + parsed.num_merged + len(parsed.rejected),
        num_quarantined=len(parsed.rejected),
    )
    name, now = _next(snapshot), now_after(snapshot.created_at)
    return _Batch(
        name=name,
        loaded_at=now,
        written=[
            (table, write_rows(log.root, table, rows, name, now))
            for table, rows in (
                (PARSED_ANSWERS, parsed.answers),
                (RAW_LINES, parsed.lines),
                (WITHDRAWALS, parsed.withdrawals),
                *parsed.raw,
            )
        ],
        files=[(file, parsed.format, parsed.num_merged)],
        rejected=parsed.rejected,
        notes=parsed.notes,
    )


def _unreadable(path: Path, digest: str, num_bytes: int, why: str, snapshot: Snapshot) -> _Batch:
    """Return the batch of one file among several that cannot be read: it is named in the quarantine, and known."""
    file = LandedFile(
        name=source_name(path), content_hash=digest, num_bytes=num_bytes, num_rows=1, num_quarantined=1
    )
    rejected = Rejected(file=path.name, line=None, column="", value=why[:200], rule=UNREADABLE)
    return _Batch(
        name=_next(snapshot),
        loaded_at=now_after(snapshot.created_at),
        written=[],
        files=[(file, NO_FORMAT, 0)],
        rejected=[rejected],
    )


def _commit(batch: _Batch, log: CommitLog, snapshot: Snapshot, report: LandingReport) -> Snapshot:
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
            "num_merged": merged,
            "num_quarantined": file.num_quarantined,
            "batch": batch.name,
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
    report.num_rows += sum(file.num_rows for file, _, _ in batch.files)
    report.num_merged += sum(merged for _, _, merged in batch.files)
    report.num_quarantined += len(batch.rejected)
    report.num_erased += sum(row.rule == ERASED for row in batch.rejected)
    report.notes.extend(batch.notes)
    latest = max(batch.loaded_at, now_after(snapshot.created_at))
    return log.commit(following, created_at=latest.isoformat())
