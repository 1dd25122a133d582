"""`erase_students`: every row that names a student out of every table, in one commit, and out of all older files."""

import json
import secrets
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute, dataset, parquet

from knowtrace.errors import DataError, NotFoundError
from knowtrace.lake import item_counts
from knowtrace.lake.arrow import Rows, arrow_schema
from knowtrace.lake.batches import now_after
from knowtrace.lake.bronze_tables import (
    PARSED_ANSWERS,
    RAW_ASSIGNMENT_DETAILS,
    RAW_EDM_CUP,
    RAW_EDNET_KT1,
    RAW_LINES,
    SOURCE_FILES,
    WITHDRAWALS,
)
from knowtrace.lake.checks import TABLES, check
from knowtrace.lake.commits import CommitLog, told_when_full
from knowtrace.lake.edm_cup_rows import assignments_of, others_rows
from knowtrace.lake.engine import Engine, open_engine
from knowtrace.lake.erased import ErasedStudents, erased_students, key_of
from knowtrace.lake.erasures import LakeReceipt, finish_erasures, follow_with_delta, write_draft
from knowtrace.lake.gold_tables import ITEM_DAYS
from knowtrace.lake.rewriting import Rewriting
from knowtrace.lake.silver_tables import (
    ERASED_STUDENTS,
    EVENTS,
    ITEM_SKILL_SETS,
    ITEMS,
    QUARANTINE,
    SKILL_MAP,
    SKILLS,
    USER_SPLITS,
)
from knowtrace.lake.skill_maps import named_skills
from knowtrace.lake.student_files import EDNET_KT1, EDNET_KT4
from knowtrace.lake.tables import Table, bucket_of
from knowtrace.lake.traces import BY_LINE, ERASED, Place, lines_that_stay, names, student_of_file

_COMPUTE: Any = compute

SPILL = "_work"
WITH_STUDENTS = tuple(table for table in TABLES if "user_id" in table.column_names)

PLACE = ("source_file", "line", "loaded_at")

At = tuple[str, int | None, datetime]
"""A file, a line of it, and when it was landed."""


@dataclass(kw_only=True)
class _Counts:
    """An erasure takes no candidates: what a check of a build counts is 0 here."""

    num_candidates: int = 0
    num_taken: int = 0
    num_corrected: int = 0
    num_repeats: int = 0
    num_faulty: int = 0


def erase_students(
    root: Path,
    student_ids: Collection[str],
    *,
    engine: str = "duckdb",
    memory: str = "4GB",
    threads: int = 2,
) -> LakeReceipt:
    """Erase students from a lake, and remember them by a keyed hash so that no build brings them back.

    One commit takes them out of all tables; then older commits and their files go, so nobody can read back beyond it.
    Killed at any moment the lake is the old or the new one, and whoever builds or erases next finishes what is left.
    Raises: NotFoundError when there is no lake; ConflictError when it is being built; DataError when ids are missing or
    empty, a table would break what it promises, or the disk is full (the lake is then as it was).
    """
    ids = frozenset(student_ids)
    if not ids or "" in ids:
        raise DataError("No student is named, or one by an empty id: give the ids as the sources write them.")
    log = CommitLog(root)
    if log.last().version == 0:
        raise NotFoundError(f"There is no lake at {root}: check the path.")
    with told_when_full(root), log.building():
        finish_erasures(log)
        follow_with_delta(root, log.last())
        log.sweep()
        opened = open_engine(engine, work=root / SPILL / "spill", memory=memory, threads=threads)
        try:
            receipt = _Erasing(log, opened, ids).run()
        finally:
            opened.close()
            shutil.rmtree(root / SPILL, ignore_errors=True)
        finish_erasures(log)
    return receipt


class _Erasing:
    """One erasure. Files are written as it goes; the commit comes last."""

    def __init__(self, log: CommitLog, engine: Engine, ids: frozenset[str]) -> None:
        self.log, self.root, self.engine, self.ids = log, log.root, engine, ids
        self.before = log.last()
        self.known = erased_students(self.root, self.before)
        self.files = Rewriting(self.root, self.before, "erased")
        self.found: set[str] = set()
        self.gone: set[At] = set()
        self.num_landed: Counter[datetime] = Counter()

    def run(self) -> LakeReceipt:
        num_known = len(self.known.among(self.ids))
        self._find_places()
        self._erase_lines()
        self._erase_edm_cup()
        self._erase_from_quarantine()
        self._erase_from_source_files()
        self._erase_answers()
        if self.files.rows[EVENTS.full_name]:
            self._count_items()
        at = now_after(self.before.created_at)
        receipt = LakeReceipt(
            receipt_id=secrets.token_hex(8),
            erased_at=at.isoformat(),
            version=self.before.version + 1,
            num_students=len(self.ids),
            num_known=num_known,
            num_found=len(self.found),
            rows={table.full_name: n for table in TABLES if (n := self.files.rows[table.full_name])},
        )
        if not receipt.rows and num_known == len(self.ids):
            return replace(receipt, receipt_id="", version=self.before.version)
        self._remember(receipt, at)
        if findings := check(self.engine, self.before, self.files.after, self.root, _Counts()):
            raise DataError(
                "The erasure stopped before its commit, the lake is as it was: "
                + " ".join(finding.text for finding in findings)
            )
        after = replace(self.files.after, oldest=receipt.version)
        receipt = replace(receipt, num_files_removed=len(self.log.files_without([after])))
        write_draft(self.root, receipt)
        self.log.commit(after, created_at=receipt.erased_at)
        return receipt

    @cached_property
    def buckets(self) -> list[str]:
        return sorted({bucket_of(student_id) for student_id in self.ids})

    def _find_places(self) -> None:
        """Note where in shared files these students' answers were landed, and how many in each landing."""
        condition = dataset.field("user_id").isin(sorted(self.ids))
        for table in (PARSED_ANSWERS, WITHDRAWALS):
            for place in self._scan(table, self.buckets, condition):
                if place[2] in self.landings:
                    self.gone.add(place)
                    self.num_landed[place[2]] += table is PARSED_ANSWERS

    def _others_at(self, times: Iterable[datetime]) -> set[At]:
        """Return the places of everybody else's answers in some landings."""
        field = dataset.field
        landed = field("loaded_at").isin(pa.array(sorted(times), pa.timestamp("us", tz="UTC")))
        condition = landed & ~field("user_id").isin(sorted(self.ids))
        return {
            place for table in (PARSED_ANSWERS, WITHDRAWALS) for place in self._scan(table, None, condition)
        }

    def _scan(self, table: Table, buckets: Sequence[str] | None, condition: Any) -> list[At]:
        paths = [str(self.root / file.path) for file in self.before.files(table, buckets)]
        if not paths:
            return []
        rows = dataset.dataset(paths, format="parquet", schema=arrow_schema(table))
        found = rows.to_table(columns=list(PLACE), filter=condition)
        return list(zip(*(found[name].to_pylist() for name in PLACE), strict=True))

    def _erase_lines(self) -> None:
        """Take out the lines as written; where they cannot be told apart, all of a source that names these students."""
        for file in self.before.files(RAW_LINES):
            source = parquet.ParquetFile(self.root / file.path)
            at = source.read_row_group(0, columns=["loaded_at"])["loaded_at"][0].as_py()
            if at not in self.landings:
                self.files.without(RAW_LINES, file, self._of_others_files, columns=("source_file",))
                continue
            rows = source.read()
            mine = _lines_at(at, self.gone)
            if not mine and not self._may_name(rows):
                continue
            is_by_line = self.landings[at][1] in BY_LINE
            columns = (rows[name].to_pylist() for name in ("source_file", "line", "text"))
            lines = list(zip(*columns, strict=True))
            stays = lines_that_stay(
                lines,
                mine=mine,
                others=_lines_at(at, self._others_at([at])),
                students=self.ids,
                is_by_line=is_by_line,
            )
            if is_by_line:
                self.gone |= {
                    (name, line, at) for (name, line, _), stay in zip(lines, stays, strict=True) if not stay
                }
            following = iter(stays)
            self.files.without(
                RAW_LINES, file, lambda part, following=following: islice(following, part.num_rows)
            )

    def _erase_edm_cup(self) -> None:
        """Take out the rows as written of these students' assignments; those that were rejected count as theirs."""
        assignments: set[str] = set()
        for file in self.before.files(RAW_ASSIGNMENT_DETAILS):
            rows = parquet.ParquetFile(self.root / file.path).read(
                columns=["assignment_log_id", "student_id"]
            )
            assignments |= assignments_of(rows, self.ids)
        if not assignments:
            return

        def stays(rows: Rows, table: Table) -> Iterable[bool]:
            kept = others_rows(table, rows, assignments, self.ids)
            places = zip(*(rows[name].to_pylist() for name in PLACE), strict=True)
            self.gone.update(place for place, is_kept in zip(places, kept, strict=True) if not is_kept)
            return kept

        for table in RAW_EDM_CUP:
            for file in self.before.files(table):
                self.files.without(table, file, lambda rows, table=table: stays(rows, table))

    def _may_name(self, rows: Rows) -> bool:
        """Return whether some text holds one of the ids: most sources do not, and are not looked at line by line."""
        owners = {student_of_file(name) for name in rows["source_file"].unique().to_pylist()}
        texts = rows["text"]
        return bool(owners & self.ids) or any(
            _COMPUTE.any(_COMPUTE.match_substring(texts, written)).as_py()
            for student_id in self.ids
            for written in _ways_to_write(student_id)
        )

    def _erase_from_quarantine(self) -> None:
        """Leave of what was rejected at landing that it was, without what it said; nothing of other stages."""
        others = self._others_at({at for *_, at in self.gone}) if self.gone else set[At]()
        rejected = Counter(self.num_landed)

        def stays(rows: Rows) -> Iterator[bool]:
            for row in rows.to_pylist():
                is_mine = self._is_quarantined(row, others)
                rejected[row["loaded_at"]] += is_mine and row["stage"] == "landing"
                yield not is_mine

        for file in self.before.files(QUARANTINE):
            self.files.without(QUARANTINE, file, stays)
        # A student's own file leaves no trace: its entry in the list of source files goes, too.
        reasons = [
            {"source_file": self.landings[at][0], "column_name": "", "value": "", "rule": ERASED, "stage": "landing",
             "loaded_at": at}
            for at, number in rejected.items()
            if at in self.landings
            for _ in range(number)
        ]  # fmt: skip
        self.files.append(QUARANTINE, reasons)

    def _is_quarantined(self, row: dict[str, Any], others: set[At]) -> bool:
        place = (row["source_file"], row["line"], row["loaded_at"])
        if row["loaded_at"] not in self.landings and student_of_file(row["source_file"]) in self.ids:
            return True
        if place in self.gone and row["line"] is not None and place not in others:
            return True
        return (row["stage"] == "landing" or place in self.gone) and names(row["value"], self.ids)

    @cached_property
    def landings(self) -> dict[datetime, tuple[str, str]]:
        """The name and format of the file or folder of each landing that was not of one file for each student."""
        rows = [
            row
            for file in self.before.files(SOURCE_FILES)
            for row in parquet.ParquetFile(self.root / file.path)
            .read(columns=["source_file", "format", "loaded_at"])
            .to_pylist()
        ]
        return {
            row["loaded_at"]: (row["source_file"].rsplit("/", 1)[-1], row["format"])
            for row in rows
            if not _is_students_own(row["source_file"], row["format"])
        }

    def _erase_from_source_files(self) -> None:
        """Take out students' own files; count the answers that go from other files as rejected."""

        def stays(rows: Rows) -> Iterator[bool]:
            pairs = zip(rows["source_file"].to_pylist(), rows["format"].to_pylist(), strict=True)
            return (
                not _is_students_own(name, form) or student_of_file(name) not in self.ids
                for name, form in pairs
            )

        def counted(rows: Rows) -> Rows:
            place = rows.schema.get_field_index("num_quarantined")
            more = [self.num_landed[at] for at in rows["loaded_at"].to_pylist()]
            total = _COMPUTE.add(rows["num_quarantined"], pa.array(more, pa.int64()))
            return rows.set_column(place, rows.schema.field(place), total)

        for file in self.before.files(SOURCE_FILES):
            self.files.without(SOURCE_FILES, file, stays, columns=("source_file", "format"))
        for file in self.files.after.files(SOURCE_FILES):
            rows = parquet.ParquetFile(self.root / file.path).read()
            if any(self.num_landed[at] for at in rows["loaded_at"].to_pylist()):
                self.files.exchange(SOURCE_FILES, file, [counted(rows)])

    def _erase_answers(self) -> None:
        """Take out the rows of all tables that say whose they are."""
        ids = pa.array(sorted(self.ids), pa.string())

        def stays(rows: Rows) -> Iterable[bool]:
            is_of = _COMPUTE.is_in(rows["user_id"], value_set=ids)
            self.found.update(rows["user_id"].filter(is_of).unique().to_pylist())
            return ~is_of.to_numpy()

        for table in WITH_STUDENTS:
            for file in self.before.files(table, self.buckets if table.is_bucketed else None):
                self.files.without(table, file, stays, columns=("user_id",))
        for file in self.before.files(RAW_EDNET_KT1, self.buckets):
            self.files.without(RAW_EDNET_KT1, file, self._of_others_files, columns=("source_file",))

    def _of_others_files(self, rows: Rows) -> Iterable[bool]:
        """Return which rows are of files that belong to nobody here."""
        named = rows["source_file"].unique().to_pylist()
        mine = {name: owner for name in named if (owner := student_of_file(name)) in self.ids}
        self.found.update(filter(None, mine.values()))
        return ~_COMPUTE.is_in(rows["source_file"], value_set=pa.array(list(mine), pa.string())).to_numpy()

    def _count_items(self) -> None:
        """Take the erased answers out of the counts of items and skills."""
        f, read = self.engine.functions, self.engine.read
        ids = sorted(self.ids)
        gone = read(EVENTS, self.before.files(EVENTS, self.buckets), self.root)
        splits = read(USER_SPLITS, self.before.files(USER_SPLITS, self.buckets), self.root)
        gone = self.engine.named(gone.filter(f.col("user_id").isin(*ids)))
        for table, counts in (
            (ITEM_DAYS, item_counts.item_days),
            (ITEM_SKILL_SETS, item_counts.item_skill_sets),
        ):
            before = read(table, self.before.files(table), self.root)
            self.files.replace(self.engine, table, counts(self.engine, before, gone, splits, sign=-1))
        sets = read(ITEM_SKILL_SETS, self.files.after.files(ITEM_SKILL_SETS), self.root)
        self.files.replace(self.engine, ITEMS, item_counts.items(self.engine, sets))
        skill_map = read(SKILL_MAP, self.before.files(SKILL_MAP), self.root)
        skills = named_skills(self.engine, item_counts.skills(self.engine, sets), skill_map)
        self.files.replace(self.engine, SKILLS, skills)

    def _remember(self, receipt: LakeReceipt, at: datetime) -> None:
        """Add these students to those that the lake knows as erased."""
        key = key_of(self.root)
        erased = ErasedStudents(key=key, hashes=self.known.hashes)
        self.files.append(
            ERASED_STUDENTS,
            [
                {
                    "student_hash": erased.hash_of(student_id),
                    "receipt_id": receipt.receipt_id,
                    "erased_at": at,
                }
                for student_id in sorted(self.ids)
                if student_id not in erased
            ],
        )


def _is_students_own(name: str, form: str) -> bool:
    """Return whether a landed file is one student's: a table of another format may have such a name, too."""
    return form in (EDNET_KT1, EDNET_KT4) and student_of_file(name) is not None


def _lines_at(at: datetime, places: Iterable[At]) -> set[Place]:
    return {(name, line) for name, line, landed in places if landed == at and line is not None}


def _ways_to_write(student_id: str) -> set[str]:
    """Return how an id stands in a text: as it is, in a quoted cell, in JSON in ASCII or beyond."""
    in_json = {json.dumps(student_id, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    return {student_id, student_id.replace('"', '""'), *in_json}
