"""Landing: new files of a source into bronze, a commit per batch. A file whose bytes are known is passed over."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pyarrow import compute, parquet

from knowtrace.errors import DataError
from knowtrace.lake.arrow import write_rows
from knowtrace.lake.batches import Batch, Progress, commit_batch, next_name, now_after
from knowtrace.lake.bronze_tables import (
    PARSED_ANSWERS,
    RAW_LINES,
    SOURCE_FILES,
    WITHDRAWALS,
)
from knowtrace.lake.commits import CommitLog, Snapshot
from knowtrace.lake.erased import ErasedStudents
from knowtrace.lake.parsed import parse, source_name
from knowtrace.lake.reports import LandingReport
from knowtrace.lake.sources_found import Source
from knowtrace.lake.student_files import LandedFile, Member, Rejected
from knowtrace.lake.student_landing import land_questions, land_students
from knowtrace.lake.traces import student_of_file
from knowtrace.sources.ednet import UNREADABLE
from knowtrace.sources.formats import SourceOptions
from knowtrace.sources.layout import MissingColumnsError
from knowtrace.sources.lost_columns import refuse_lost_columns

_COMPUTE: Any = compute

NO_FORMAT = "unreadable"
"""The format of a file that no loader could read."""


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
        snapshot = commit_batch(land_questions(source.questions, known, log, snapshot), log, snapshot, report)
    if source.students:
        students = without_erased(source.students, erased)
        report.num_erased_files = len(source.students) - len(students)
        source = replace(source, students=students)
        return land_students(source, known, log, snapshot, report, workers=workers, progress=progress), report
    return _land_files(
        source, options, known, log, snapshot, report, erased=erased, progress=progress
    ), report


@dataclass(frozen=True, kw_only=True)
class _Unread:
    """A new file that cannot be read, until it is known whether others of its source can be."""

    path: Path
    digest: str
    num_bytes: int
    error: DataError


def _land_files(
    source: Source,
    options: SourceOptions,
    known: frozenset[str],
    log: CommitLog,
    snapshot: Snapshot,
    report: LandingReport,
    *,
    erased: ErasedStudents,
    progress: Progress,
) -> Snapshot:
    seen = set(known_hashes(log.root, snapshot, readable=True))
    formats = _formats_beside(source.files[0], log.root, snapshot)
    had_columns, num_read = bool(formats), 0
    unread: list[_Unread] = []
    for done, path in enumerate(source.files, 1):
        digest, num_bytes, refused = _hashed(path)
        is_known = digest in seen
        seen.add(digest)
        if refused is None and not is_known:
            try:
                refuse_lost_columns(path, options, formats)
                batch = _land_parsed(path, digest, num_bytes, options, erased, log, snapshot)
            except DataError as error:
                refused = error
            else:
                snapshot = commit_batch(batch, log, snapshot, report)
                formats.update(form for _, form in batch.files)
                num_read += 1
        if refused is not None:
            if len(source.files) == 1:
                raise refused
            # What could not be read is tried again, as its columns may be told by now, but listed once.
            is_known = digest in known
            if not is_known:
                unread.append(_Unread(path=path, digest=digest, num_bytes=num_bytes, error=refused))
        report.num_known_files += is_known
        progress("landing", done, len(source.files))
    lost = next((one.error for one in unread if isinstance(one.error, MissingColumnsError)), None)
    if lost is not None and had_columns and not num_read:
        raise DataError(f"None of {len(unread):,} new files can be read. {lost}")
    for one in unread:
        snapshot = commit_batch(_unreadable(one, snapshot), log, snapshot, report)
    return snapshot


def without_erased(students: Sequence[Member], erased: ErasedStudents) -> tuple[Member, ...]:
    """Return the students' files but for those of erased students, which are not even read."""
    return tuple(member for member in students if student_of_file(member.name) not in erased)


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


def _formats_beside(path: Path, root: Path, snapshot: Snapshot) -> set[str]:
    """Return the formats of what was landed from a file's folder before."""
    folder = source_name(path).rpartition("/")[0] + "/"
    found: set[str] = set()
    for file in snapshot.files(SOURCE_FILES):
        rows = parquet.ParquetFile(root / file.path).read(columns=["source_file", "format"])
        beside = rows.filter(_COMPUTE.starts_with(rows["source_file"], folder))
        found.update(beside["format"].unique().to_pylist())
    return found - {NO_FORMAT}


def _hashed(path: Path) -> tuple[str, int, DataError | None]:
    """Return what `hash_of` does, or of a file that cannot be opened a hash of its name, 0, and why.

    Nothing is known of its bytes: so it is listed once, and landed when it can be read.
    """
    try:
        return *hash_of(path), None
    except OSError as error:
        digest = hashlib.sha256(f"{NO_FORMAT}\0{source_name(path)}".encode()).hexdigest()
        refused = DataError(f"{path} cannot be read ({error.strerror}): let it be read, or leave it out.")
        return digest, 0, refused


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


def _land_parsed(
    path: Path,
    digest: str,
    num_bytes: int,
    options: SourceOptions,
    erased: ErasedStudents,
    log: CommitLog,
    snapshot: Snapshot,
) -> Batch:
    parsed = parse(path, options, erased)
    file = LandedFile(
        name=source_name(path),
        content_hash=digest,
        num_bytes=num_bytes,
        num_rows=parsed.answers.num_rows + parsed.num_merged + len(parsed.rejected),
        num_merged=parsed.num_merged,
        num_quarantined=len(parsed.rejected),
    )
    name, now = next_name(snapshot), now_after(snapshot.created_at)
    return Batch(
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
        files=[(file, parsed.format)],
        rejected=parsed.rejected,
        notes=parsed.notes,
    )


def _unreadable(unread: _Unread, snapshot: Snapshot) -> Batch:
    """Return the batch of one file among several that cannot be read: it is named in the quarantine, and known."""
    file = LandedFile(
        name=source_name(unread.path),
        content_hash=unread.digest,
        num_bytes=unread.num_bytes,
        num_rows=1,
        num_quarantined=1,
    )
    columns = unread.error.columns if isinstance(unread.error, MissingColumnsError) else ()
    rejected = Rejected(
        file=unread.path.name,
        line=None,
        column=", ".join(columns),
        value=str(unread.error)[:200],
        rule=UNREADABLE,
    )
    return Batch(
        name=next_name(snapshot),
        loaded_at=now_after(snapshot.created_at),
        written=[],
        files=[(file, NO_FORMAT)],
        rejected=[rejected],
    )
