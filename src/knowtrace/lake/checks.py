"""What every table promises, checked before a build may commit."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from knowtrace.lake.bronze_tables import BRONZE
from knowtrace.lake.commits import DataFile, Snapshot
from knowtrace.lake.engine import Engine, Expression, Frame
from knowtrace.lake.gold_tables import FEATURES, GOLD, SEQUENCES
from knowtrace.lake.silver_tables import ERASED_STUDENTS, EVENTS, SILVER
from knowtrace.lake.tables import Column, Table

TABLES: tuple[Table, ...] = (*BRONZE, *SILVER, *GOLD)
BY_NAME = {table.full_name: table for table in TABLES}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A promise that is broken: of which table and column, by how many rows."""

    table: str
    rule: str
    num_rows: int

    @property
    def text(self) -> str:
        return f"{self.table}: {self.rule} ({self.num_rows:,} rows break it)."


class Counts(Protocol):
    """The rows a build took and what became of them."""

    num_candidates: int
    num_taken: int
    num_corrected: int
    num_repeats: int
    num_faulty: int


def check(engine: Engine, before: Snapshot, snapshot: Snapshot, root: Path, report: Counts) -> list[Finding]:
    """Return the broken promises of silver and gold in what a build has written, a table or its changed buckets."""
    findings: list[Finding] = []
    for table in (*SILVER, *GOLD):
        # Erasures explain what is empty only where nothing was landed that could have filled it.
        is_erased = bool(snapshot.files(ERASED_STUDENTS)) and not report.num_candidates
        may_be_empty = table.may_be_empty or report.num_corrected or is_erased
        if not snapshot.files(table) and not may_be_empty:
            num = f"{report.num_candidates:,}"
            rule = f"it is not empty, but none of {num} landed rows is an answer: see the quarantine"
            findings.append(Finding(table=table.full_name, rule=rule, num_rows=0))
        for files in _parts(engine, before, snapshot, table):
            findings += _check_rows(engine, table, engine.read(table, files, root), snapshot, root)
    told = report.num_taken + report.num_corrected + report.num_repeats + report.num_faulty
    lost = report.num_candidates - told
    if lost:
        rule = "every landed row is an event, a repeat, a correction or in the quarantine"
        findings.append(Finding(table=EVENTS.full_name, rule=rule, num_rows=lost))
    return [*findings, *_check_sums(engine, snapshot, root)]


def _check_sums(engine: Engine, snapshot: Snapshot, root: Path) -> list[Finding]:
    """Return where gold does not hold each event once: plans join events to vocabularies, and could lose some."""
    f = engine.functions
    lengths = engine.read(SEQUENCES, snapshot.files(SEQUENCES), root).agg(f.sum("num_events"))
    num_events = snapshot.num_rows(EVENTS)
    held = (
        (FEATURES, "every event has a row", snapshot.num_rows(FEATURES)),
        (SEQUENCES, "num_events adds up to the events", int(engine.rows(lengths)[0][0] or 0)),
    )
    return [
        Finding(table=table.full_name, rule=rule, num_rows=abs(num_events - num))
        for table, rule, num in held
        if num != num_events
    ]


def _parts(
    engine: Engine, before: Snapshot, snapshot: Snapshot, table: Table
) -> Iterator[tuple[DataFile, ...]]:
    """Yield the changed files of a table in the parts that are checked at once: no key crosses a bucket."""
    present = set(before.files(table))
    changed = [file for file in snapshot.files(table) if file not in present]
    if not table.is_bucketed:
        parts = [snapshot.files(table)] if changed else []
    else:
        buckets = {file.bucket for file in changed if file.bucket is not None}
        rows_of = {bucket: sum(f.num_rows for f in snapshot.files(table, [bucket])) for bucket in buckets}
        parts = [snapshot.files(table, group) for group in engine.groups(buckets, rows_of)]
    yield from (files for files in parts if files)


def _check_rows(engine: Engine, table: Table, rows: Frame, snapshot: Snapshot, root: Path) -> list[Finding]:
    f = engine.functions
    rules = [(rule, broken) for column in table.columns for rule, broken in _broken(engine, column)]
    counts = [f.sum(f.when(broken, f.lit(1)).otherwise(f.lit(0))) for _, broken in rules]
    found = (
        engine.rows(rows.agg(*(count.alias(f"rule_{i}") for i, count in enumerate(counts))))[0]
        if rules
        else ()
    )
    findings = [
        Finding(table=table.full_name, rule=rule, num_rows=int(count))
        for (rule, _), count in zip(rules, found, strict=True)
        if count
    ]
    if table.key:
        repeated = rows.groupBy(*table.key).agg(f.count(f.lit(1)).alias("n")).filter(f.col("n") > 1)
        num = engine.rows(repeated.agg(f.count(f.lit(1))))[0][0]
        if num:
            findings.append(
                Finding(table=table.full_name, rule=f"{', '.join(table.key)} is unique", num_rows=int(num))
            )
    for name, (other, other_column) in table.references.items():
        target = BY_NAME[other]
        known = engine.read(target, snapshot.files(target), root).select(f.col(other_column).alias(name))
        lost = rows.select(name).join(known, on=name, how="left_anti")
        num = engine.rows(lost.agg(f.count(f.lit(1))))[0][0]
        if num:
            rule = f"every {name} is in {other}"
            findings.append(Finding(table=table.full_name, rule=rule, num_rows=int(num)))
    return findings


def _broken(engine: Engine, column: Column) -> list[tuple[str, Expression]]:
    """Return the rules of one column with the condition that breaks each."""
    f = engine.functions
    value = f.col(column.name)
    rules: list[tuple[str, Expression]] = []
    if not column.is_nullable:
        rules.append((f"{column.name} is known", value.isNull()))
    if column.low is not None:
        rules.append((f"{column.name} is at least {column.low:g}", value < column.low))
    if column.high is not None:
        rules.append((f"{column.name} is at most {column.high:g}", value > column.high))
    return rules
