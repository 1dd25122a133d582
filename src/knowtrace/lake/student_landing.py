"""Landing of students' files: batches of them, several processes at once, a commit per batch."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from knowtrace.errors import DataError
from knowtrace.lake import student_files
from knowtrace.lake.arrow import Rows, write_rows
from knowtrace.lake.batches import Batch, Progress, commit_batch, next_name, now_after
from knowtrace.lake.bronze_tables import PARSED_ANSWERS, RAW_EDNET_KT1, RAW_EDNET_QUESTIONS, RAW_LINES
from knowtrace.lake.commits import CommitLog, Snapshot
from knowtrace.lake.ednet_kt4_rows import land_logs
from knowtrace.lake.reports import LandingReport
from knowtrace.lake.sources_found import Source
from knowtrace.lake.student_files import EDNET_KT4, Landed
from knowtrace.lake.tables import Table
from knowtrace.sources.actions import action_notes
from knowtrace.sources.ednet import UNREADABLE
from knowtrace.sources.ednet_contents import read_questions
from knowtrace.sources.ednet_kt4 import ACTIONS

BATCHES_AHEAD = 2
"""Batches a worker may have waiting: enough to keep it busy, few enough to hold in memory."""


def land_students(
    source: Source,
    known: frozenset[str],
    log: CommitLog,
    snapshot: Snapshot,
    report: LandingReport,
    *,
    workers: int,
    progress: Progress,
) -> Snapshot:
    """Land the files that are new, a commit per batch. Raises: DataError when all of several lack columns."""
    parts = student_files.batches(source.students)
    names = [f"{snapshot.version + 1:08d}-{number:05d}" for number in range(len(parts))]
    work = [
        _Part(members=part, name=name, root=log.root, source=source, after=snapshot.created_at)
        for part, name in zip(parts, names, strict=True)
    ]
    others: Counter[str] = Counter()
    for done, batch in enumerate(_in_turn(work, known, workers), 1):
        _refuse_lost_columns(batch)
        snapshot = commit_batch(batch, log, snapshot, report)
        others += batch.others
        progress("landing", done, len(parts))
    report.notes += action_notes(others, ACTIONS, source.format)
    return snapshot


def _refuse_lost_columns(batch: Batch) -> None:
    """Raises: DataError when all of several new files lack columns: one costs itself alone."""
    lost = [row for row in batch.rejected if row.rule == UNREADABLE and row.column]
    if len(lost) == len(batch.files) > 1:
        raise DataError(
            f"None of {len(lost):,} new students' files can be read: of the first, {lost[0].file}, {lost[0].value}. "
            "Deliver them with the columns they had before."
        )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Some students' files, the name of the batch they become, and the commit it comes after."""

    members: list[student_files.Member]
    name: str
    root: Path
    source: Source
    after: str


def _in_turn(parts: list[_Part], known: frozenset[str], workers: int) -> Iterator[Batch]:
    """Yield each part as landed: by other processes, a few ahead, when there is work for them."""
    if workers < 2 or len(parts) < 2:
        yield from (_land_part(part, known) for part in parts)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_remember, initargs=(known,)
    ) as pool:
        waiting: set[Future[Batch]] = set()
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


def _land_part(part: _Part, known: frozenset[str] | None = None) -> Batch:
    landed, tables = _read_part(part, _known_here if known is None else known)
    now = now_after(part.after)
    return Batch(
        name=part.name,
        loaded_at=now,
        written=[(table, write_rows(part.root, table, rows, part.name, now)) for table, rows in tables],
        files=[(file, part.source.format) for file in landed.files],
        rejected=landed.rejected,
        num_known=landed.num_known,
        others=landed.others,
    )


def _read_part(part: _Part, known: frozenset[str]) -> tuple[Landed, list[tuple[Table, Rows]]]:
    """Return what was landed, and the rows of each table of bronze."""
    if part.source.format == EDNET_KT4:
        assert part.source.questions is not None
        logs = land_logs(part.members, read_questions(part.source.questions), known)
        return logs, [(PARSED_ANSWERS, logs.rows), (RAW_LINES, logs.lines)]
    columns = tuple(
        name for name in RAW_EDNET_KT1.column_names if name not in ("source_file", "line", "loaded_at")
    )
    landed = student_files.land(part.members, columns, known)
    return landed, [(RAW_EDNET_KT1, landed.rows)]


def land_questions(path: Path, known: frozenset[str], log: CommitLog, snapshot: Snapshot) -> Batch:
    """Return the batch of EdNet's table of questions. Raises: DataError when it cannot be read."""
    columns = ("question_id", "bundle_id", "correct_answer", "tags")
    member = student_files.Member(path=str(path), name=path.name, size=path.stat().st_size)
    landed = student_files.land([member], columns, known)
    if not landed.num_known and (unreadable := [row for row in landed.rejected if row.rule == UNREADABLE]):
        raise DataError(
            f"{path} cannot be read ({unreadable[0].value}): give EdNet's table of questions, by which all is graded."
        )
    name, now = next_name(snapshot), now_after(snapshot.created_at)
    return Batch(
        name=name,
        loaded_at=now,
        written=[(RAW_EDNET_QUESTIONS, write_rows(log.root, RAW_EDNET_QUESTIONS, landed.rows, name, now))],
        files=[(file, "EdNet questions") for file in landed.files],
        rejected=landed.rejected,
        num_known=landed.num_known,
    )
