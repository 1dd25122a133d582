"""`build_lake`: what is new in the sources, through bronze and silver into gold, and one commit at the end.

Landed batches wait as `pending` until silver takes them: a build that was stopped goes on with them. Events lie in
buckets of students: a build works on the buckets that its new rows touch, and leaves the others' files as they are.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

from knowtrace.domain import FIRST_KNOWN
from knowtrace.errors import DataError
from knowtrace.lake import events, features, item_counts, people, sequences
from knowtrace.lake.batches import Progress, now_after
from knowtrace.lake.bronze_tables import PARSED_ANSWERS, WITHDRAWALS
from knowtrace.lake.candidates import READERS
from knowtrace.lake.checks import check
from knowtrace.lake.commits import CommitLog, DataFile, Snapshot, told_when_full
from knowtrace.lake.engine import Engine, Frame, open_engine
from knowtrace.lake.erased import erased_students
from knowtrace.lake.erasures import finish_erasures, follow_with_delta
from knowtrace.lake.gold_tables import (
    FEATURES,
    ITEM_DAYS,
    ITEM_VOCABULARY,
    SEQUENCES,
    SKILL_SETS,
    SKILL_VOCABULARY,
)
from knowtrace.lake.landing import land_source
from knowtrace.lake.reports import BuildOptions, BuildReport
from knowtrace.lake.silver_tables import (
    EVENTS,
    ITEM_SKILL_SETS,
    ITEMS,
    QUARANTINE,
    SKILL_MAP,
    SKILLS,
    USER_SPLITS,
    USERS,
)
from knowtrace.lake.skill_maps import NewMap, mapped, named_skills, new_map, write_map
from knowtrace.lake.sources_found import find_source
from knowtrace.lake.tables import BUCKETS, Table
from knowtrace.lake.vocabularies import FIRST_SET, extended
from knowtrace.sources.formats import SourceOptions

WORK = "_work"

STAGES = ("candidate", "merge", "correction")
"""Where a build refuses rows that were landed: those of rows that are read again are told anew."""


def _quiet(_stage: str, _done: int, _total: int) -> None: ...


def build_lake(
    root: Path,
    paths: Sequence[Path],
    source: SourceOptions | None = None,
    options: BuildOptions | None = None,
    *,
    progress: Progress = _quiet,
) -> BuildReport:
    """Bring a lake up to date with its sources.

    Raises: ConflictError when another build is running; DataError when a source cannot be read as answers, a skill map
    breaks a rule, a table what it promises, or the disk is full (the lake is then as it was before, but for landed
    rows that wait).
    """
    source, options = source or SourceOptions(), options or BuildOptions()
    log = CommitLog(root)
    found = [find_source(path, source) for path in paths]
    for path in (file for one in found for file in one.files if file.is_dir()):
        if root.resolve().is_relative_to(path.resolve()):
            raise DataError(f"The lake {root} lies within its source {path}: build it elsewhere.")
    with told_when_full(root), log.building():
        finish_erasures(log)
        snapshot = log.last()
        follow_with_delta(root, snapshot)
        log.sweep()
        skill_map = new_map(options.skill_map, snapshot)
        erased = erased_students(root, snapshot)
        report = BuildReport()
        started = datetime.now(UTC)
        for one in found:
            snapshot, landing = land_source(
                one, source, log, snapshot, erased=erased, workers=options.workers, progress=progress
            )
            report.landing.add(landing)
        report.seconds["landing"] = (datetime.now(UTC) - started).total_seconds()
        if snapshot.pending or skill_map:
            engine = open_engine(
                options.engine, work=root / WORK / "spill", memory=options.memory, threads=options.threads
            )
            try:
                snapshot = _Build(log, engine, snapshot, report, progress).run(skill_map)
            finally:
                engine.close()
                shutil.rmtree(root / WORK, ignore_errors=True)
        follow_with_delta(root, snapshot, is_asked=options.is_delta)
        report.version = snapshot.version
        report.rows = {name: sum(file.num_rows for file in files) for name, files in snapshot.tables.items()}
    return report


class _Build:
    """One build past its landing. Tables are written as it goes; the commit comes last."""

    def __init__(
        self, log: CommitLog, engine: Engine, snapshot: Snapshot, report: BuildReport, progress: Progress
    ) -> None:
        self.log, self.root, self.engine = log, log.root, engine
        self.snapshot, self.report, self.progress = snapshot, report, progress
        self.name = f"{snapshot.version + 1:08d}"
        self.num_written = 0
        self.read_again: list[int] = []
        self.whole: set[str] = set()

    def run(self, skill_map: NewMap | None) -> Snapshot:
        before = self.snapshot
        if skill_map:
            self._take(skill_map)
        self.read_again = self._read_again()
        tables = (*(reader.table for reader in READERS), WITHDRAWALS)
        touched = sorted({file.bucket for table in tables for file in self._landed(table) if file.bucket})
        self.report.buckets = touched
        if touched:
            self._timed("events", lambda: self._events(touched))
            self._timed("catalogue", lambda: self._catalogue(touched))
            self._timed("gold", lambda: self._gold(touched))
        findings = self._timed(
            "checks", lambda: check(self.engine, before, self.snapshot, self.root, self.report)
        )
        if findings:
            raise DataError(
                "The build stopped before its commit, the lake is as it was: "
                + " ".join(finding.text for finding in findings)
            )
        self.snapshot = replace(self.snapshot, pending=())
        return self.log.commit(self.snapshot, created_at=now_after(self.snapshot.created_at).isoformat())

    def _take(self, skill_map: NewMap) -> None:
        """Put a map in the place of the one before, and have all landed rows read by it."""
        files = write_map(self.root, skill_map, f"{self.name}-map", now_after(self.snapshot.created_at))
        self._replace(SKILL_MAP, files)
        self.snapshot = replace(self.snapshot, skill_map=skill_map.content_hash)
        self.report.num_map_tags = len(skill_map.rows)
        self.whole |= {table.full_name for table in (*(reader.table for reader in READERS), WITHDRAWALS)}

    def _events(self, touched: list[str]) -> None:
        """Write events, students and splits of the touched buckets; quarantine the rows that are no answers."""
        f = self.engine.functions
        num_before = self.snapshot.num_rows(EVENTS)
        if self.read_again:
            doubtful = f.col("stage").isin(*STAGES) & f.col("loaded_at").isin(*self.read_again)
            kept = self._read(QUARANTINE).filter(~doubtful)
            self._replace(QUARANTINE, self._write(QUARANTINE, kept))
        for group in self._groups(touched, "events", *(reader.table for reader in READERS), EVENTS):
            new = self.engine.named(self._candidates(group))
            before, num_kept = self._kept(group)
            together = self.engine.named(events.merged(self.engine, before, new))
            num_corrected = 0
            if (withdrawals := self._corrections(group)) is not None:
                judged = self.engine.named(events.judged(self.engine, together, withdrawals))
                num_corrected = self._append(QUARANTINE, events.corrected(self.engine, judged))
                together = judged.filter(f.col("fate").isNull())
            num_repeats = events.num_repeated(self.engine, together)
            answers = together
            if num_repeats:
                ranks = self.engine.named(events.ranked(self.engine, together))
                self.report.num_repeats += self._append(QUARANTINE, events.repeats(self.engine, ranks))
                answers = ranks.filter(f.col("rank") == 1)
            written = self._write(EVENTS, events.numbered(self.engine, answers), group)
            num_landed = sum(
                file.num_rows for reader in READERS for file in self._landed(reader.table, group)
            )
            num_taken = sum(file.num_rows for file in written) - num_kept
            if num_landed != num_repeats + num_corrected + num_taken:
                self.report.num_faulty += self._append(QUARANTINE, events.faulty(self.engine, new))
            self.report.num_candidates += num_landed
            self.report.num_corrected += num_corrected
            self.report.num_taken += num_taken
            self._replace(EVENTS, written, group)
            users = people.users(self.engine, self._read(EVENTS, group))
            self._replace(USERS, self._write(USERS, users, group), group)
            splits = people.user_splits(
                self.engine, self._read(USERS, group), self._read(USER_SPLITS, group), self._told(group)
            )
            self._replace(USER_SPLITS, self._write(USER_SPLITS, splits, group), group)
        self.report.num_new_events = self.snapshot.num_rows(EVENTS) - num_before

    def _candidates(self, group: Sequence[str]) -> Frame:
        """Return the candidates of the landed rows that wait, in some buckets."""
        frames = [
            reader.read(
                self.engine,
                self.engine.read(reader.table, files, self.root),
                [self._read(table) for table in reader.beside],
            )
            for reader in READERS
            if (files := self._landed(reader.table, group))
        ]
        if not frames:
            reader = READERS[0]
            frames = [reader.read(self.engine, self.engine.read(reader.table, (), self.root), [])]
        candidates = reduce(lambda first, second: first.unionByName(second), frames)
        if not self.snapshot.files(SKILL_MAP):
            return candidates
        return mapped(self.engine, self.engine.named(candidates), self._read(SKILL_MAP))

    def _kept(self, group: Sequence[str]) -> tuple[Frame, int]:
        """Return the events of some buckets but for those whose rows are read again, and how many they are."""
        before = self._read(EVENTS, group)
        if not self.read_again:
            return before, self._num_rows(EVENTS, group)
        f = self.engine.functions
        kept = before.filter(~f.col("loaded_at").isin(*self.read_again))
        return kept, int(self.engine.rows(kept.agg(f.count(f.lit(1))))[0][0])

    def _corrections(self, group: Sequence[str]) -> Frame | None:
        """Return the withdrawals that wait, in some buckets; None where no waiting row speaks of an earlier one."""
        f = self.engine.functions
        gone = self._landed(WITHDRAWALS, group)
        if not gone:
            answers = self.engine.read(PARSED_ANSWERS, self._landed(PARSED_ANSWERS, group), self.root)
            named = answers.agg(f.count(f.col("event_id")))
            if not self.engine.rows(named)[0][0]:
                return None
        return self.engine.read(WITHDRAWALS, gone, self.root)

    def _told(self, group: Sequence[str]) -> Frame | None:
        """Return the published splits that the landed rows tell, or None when none can."""
        frames = [
            self.engine.read(reader.table, files, self.root).select("user_id", "given_split")
            for reader in READERS
            if reader.tells_splits and (files := self._landed(reader.table, group))
        ]
        return reduce(lambda first, second: first.unionByName(second), frames) if frames else None

    def _catalogue(self, touched: list[str]) -> None:
        """Add the new events to the counts of items, and number the ids that are new."""
        f = self.engine.functions
        is_anew = bool(self.read_again or self.report.num_corrected)
        if is_anew:
            # Counts only grow, unless events have gone: then they are counted anew.
            new, splits = self._read(EVENTS), self._read(USER_SPLITS)
        else:
            new = self._read(EVENTS, touched).filter(f.col("loaded_at").isin(*self._landed_at()))
            splits = self._read(USER_SPLITS, touched)
        for table, counts in (
            (ITEM_DAYS, item_counts.item_days),
            (ITEM_SKILL_SETS, item_counts.item_skill_sets),
        ):
            is_first = is_anew or not self.snapshot.files(table)
            frame = counts(self.engine, None if is_first else self._read(table), new, splits)
            self._replace(table, self._write(table, frame))
        sets = self._read(ITEM_SKILL_SETS)
        self._replace(ITEMS, self._write(ITEMS, item_counts.items(self.engine, sets)))
        skills = named_skills(self.engine, item_counts.skills(self.engine, sets), self._read(SKILL_MAP))
        self._replace(SKILLS, self._write(SKILLS, skills))
        for table, seen, name, index, first in (
            (ITEM_VOCABULARY, self._read(ITEMS), "item_id", "item_index", FIRST_KNOWN),
            (SKILL_VOCABULARY, self._read(SKILLS), "skill_id", "skill_index", FIRST_KNOWN),
            (SKILL_SETS, sets, "skill_ids", "skill_set", FIRST_SET),
        ):
            frame = extended(self.engine, self._read(table), seen, name=name, index=index, first=first)
            self._replace(table, self._write(table, frame))

    def _landed_at(self) -> list[int]:
        """Return when each waiting batch was landed, in microseconds since 1970: no two were at once."""
        return sorted(
            {time for reader in READERS for time in self._times(reader.table, self._landed(reader.table))}
        )

    def _times(self, table: Table, files: Sequence[DataFile]) -> set[int]:
        rows = self.engine.read(table, files, self.root).select("loaded_at").distinct()
        return {int(row[0]) for row in self.engine.rows(rows)} if files else set()

    def _read_again(self) -> list[int]:
        """Return when the rows were landed that are read again, as the skill map or a table beside them has changed."""
        pending = set(self.snapshot.pending)
        times: set[int] = set()
        for reader in READERS:
            older = [file for file in self.snapshot.files(reader.table) if _batch_of(file) not in pending]
            has_new = any(_batch_of(f) in pending for t in reader.beside for f in self.snapshot.files(t))
            if older and (has_new or reader.table.full_name in self.whole):
                self.whole.add(reader.table.full_name)
                times |= self._times(reader.table, older)
        return sorted(times)

    def _gold(self, touched: list[str]) -> None:
        """Write sequences of the touched buckets, and features of all.

        A late answer changes what other students' answers could know of its item.
        """
        items, sets = self._read(ITEM_VOCABULARY), self._read(SKILL_SETS)
        for group in self._groups(touched, "sequences", EVENTS):
            frame = sequences.sequences(
                self.engine, self._read(EVENTS, group), self._read(USER_SPLITS, group), items, sets
            )
            self._replace(SEQUENCES, self._write(SEQUENCES, frame, group), group)
        everywhere = sorted({*touched, *(file.bucket or "" for file in self.snapshot.files(EVENTS))})
        for group in self._groups(everywhere, "features", EVENTS):
            frame = features.features(
                self.engine,
                self._read(EVENTS, group),
                self._read(USER_SPLITS, group),
                items,
                sets,
                self._read(ITEM_DAYS),
            )
            self._replace(FEATURES, self._write(FEATURES, frame, group), group)

    def _groups(self, buckets: Iterable[str], stage: str, *tables: Table) -> Iterable[list[str]]:
        rows_of = dict.fromkeys(BUCKETS, 0)
        for table in tables:
            for file in self.snapshot.files(table):
                rows_of[file.bucket or ""] = rows_of.get(file.bucket or "", 0) + file.num_rows
        groups = self.engine.groups(buckets, rows_of)
        for i, group in enumerate(groups):
            yield group
            self.progress(stage, i + 1, len(groups))

    def _landed(self, table: Table, buckets: Sequence[str] | None = None) -> list[DataFile]:
        """Return the files of landed batches that wait, or are read again."""
        files = self.snapshot.files(table, buckets)
        if table.full_name in self.whole:
            return list(files)
        pending = set(self.snapshot.pending)
        return [file for file in files if _batch_of(file) in pending]

    def _read(self, table: Table, buckets: Sequence[str] | None = None) -> Frame:
        return self.engine.read(table, self.snapshot.files(table, buckets), self.root)

    def _num_rows(self, table: Table, buckets: Sequence[str]) -> int:
        return sum(file.num_rows for file in self.snapshot.files(table, buckets))

    def _write(self, table: Table, frame: Frame, buckets: Sequence[str] = ()) -> list[DataFile]:
        self.num_written += 1
        folder = self.root / table.layer / table.name / f"{self.name}-{self.num_written:04d}"
        return self.engine.write(frame, table, folder, self.root, buckets)

    def _append(self, table: Table, frame: Frame) -> int:
        """Add a frame's rows to a table; return how many they were."""
        files = self._write(table, frame)
        self.snapshot = self.snapshot.appended(table, files)
        return sum(file.num_rows for file in files)

    def _replace(self, table: Table, files: Sequence[DataFile], buckets: Sequence[str] | None = None) -> None:
        self.snapshot = self.snapshot.replaced(table, files, buckets)

    def _timed(self, stage: str, work: Callable[[], Any]) -> Any:
        started = datetime.now(UTC)
        result = work()
        self.report.seconds[stage] = (datetime.now(UTC) - started).total_seconds()
        return result


def _batch_of(file: DataFile) -> str:
    return Path(file.path).parts[2]
