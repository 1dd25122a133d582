"""Rows that later stages have computed, into the places that the lake declares for them: one commit, or nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyarrow import compute, dataset, parquet

from knowtrace.catalogue.problems import Problems
from knowtrace.errors import DataError, NotFoundError
from knowtrace.lake.arrow import Rows, arrow_schema
from knowtrace.lake.batches import now_after
from knowtrace.lake.checks import BY_NAME
from knowtrace.lake.commits import CommitLog, DataFile, Snapshot, told_when_full
from knowtrace.lake.erased import erased_students
from knowtrace.lake.erasures import finish_erasures, follow_with_delta
from knowtrace.lake.given_rows import read_given, shaped_as
from knowtrace.lake.gold_tables import PLACES
from knowtrace.lake.tables import Table

_COMPUTE: Any = compute

NEXT_STEP = "Nothing was appended: correct the file."


@dataclass(frozen=True, kw_only=True)
class AppendReport:
    """Rows of a file = `num_new` + `num_known`, which the table had or the file repeats, + `num_erased`.

    Rows of students who were erased from the lake are left out. `version` is the lake's commit.
    """

    table: str
    num_rows: int
    num_new: int
    num_known: int
    num_erased: int
    version: int


def append_rows(root: Path, name: str, path: Path) -> AppendReport:
    """Add a Parquet or CSV file to a table that later stages fill; rows that are there already change nothing.

    `name` is the table's, as gold.item_drift. In CSV an empty cell is unknown, a list is JSON, a time ISO 8601 with its
    zone. Raises: NotFoundError when there is no lake; ConflictError when it is being built; DataError naming what
    breaks the table's columns, key or references, another row under a key that is taken among them.
    """
    places = {table.full_name: table for table in PLACES}
    if name not in places:
        raise DataError(f"No table {name!r} is filled from files. Known: {', '.join(places)}.")
    table, log = places[name], CommitLog(root)
    if log.last().version == 0:
        raise NotFoundError(f"There is no lake at {root}: `knowtrace lake build` makes one.")
    problems = Problems(path.name)
    given = shaped_as(table, read_given(path), problems)
    problems.raise_any(NEXT_STEP)
    with told_when_full(root), log.building():
        finish_erasures(log)
        snapshot = log.last()
        follow_with_delta(root, snapshot)
        log.sweep()
        rows = _without_erased(given, root, snapshot)
        new = _new_rows(rows, table, root, snapshot, problems)
        problems.raise_any(NEXT_STEP)
        if new.num_rows:
            snapshot = _committed(new, table, log, snapshot)
    return AppendReport(
        table=name,
        num_rows=given.num_rows,
        num_new=new.num_rows,
        num_known=rows.num_rows - new.num_rows,
        num_erased=given.num_rows - rows.num_rows,
        version=snapshot.version,
    )


def _without_erased(rows: Rows, root: Path, snapshot: Snapshot) -> Rows:
    if "user_id" not in rows.column_names:
        return rows
    gone = erased_students(root, snapshot).among(_COMPUTE.unique(rows["user_id"]).to_pylist())
    is_gone = _COMPUTE.is_in(rows["user_id"], value_set=pa.array(sorted(gone), pa.string()))
    return rows.filter(_COMPUTE.invert(is_gone))


def _new_rows(rows: Rows, table: Table, root: Path, snapshot: Snapshot, problems: Problems) -> Rows:
    """Return the rows whose keys the table lacks, each once; problems are keys with two rows, and lost references.

    The statements are made of our own names of tables and columns.
    """
    key = ", ".join(f'"{name}"' for name in table.key)
    shown = f"concat_ws(', ', {key})"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("given", rows)
        connection.register("kept", _kept(root, table, snapshot))
        connection.execute("CREATE VIEW both_rows AS SELECT * FROM given UNION SELECT * FROM kept")
        twice = f"SELECT {shown} FROM both_rows GROUP BY {key} HAVING count(*) > 1 ORDER BY {key}"  # noqa: S608
        for (value,) in connection.execute(twice).fetchall():
            problems.add(
                f"key {', '.join(table.key)}", value, "a key has one row, and another has it already"
            )
        for name, (other, column) in table.references.items():
            connection.register("known", _kept(root, BY_NAME[other], snapshot))
            same = f'given."{name}" = known."{column}"'
            lost = f'SELECT DISTINCT "{name}" FROM given ANTI JOIN known ON {same} ORDER BY 1'  # noqa: S608
            for (value,) in connection.execute(lost).fetchall():
                problems.add(name, str(value), f"it is in {other}")
        new = f"SELECT DISTINCT * FROM given ANTI JOIN kept USING ({key}) ORDER BY {key}"  # noqa: S608
        return connection.sql(new).to_arrow_table().cast(arrow_schema(table))


def _kept(root: Path, table: Table, snapshot: Snapshot) -> Any:
    """Return a table's rows as they are, which DuckDB reads from their files."""
    paths = [str(root / file.path) for file in snapshot.files(table)]
    schema = arrow_schema(table)
    return dataset.dataset(paths, format="parquet", schema=schema) if paths else schema.empty_table()


def _committed(rows: Rows, table: Table, log: CommitLog, snapshot: Snapshot) -> Snapshot:
    folder = log.root / table.layer / table.name / f"{snapshot.version + 1:08d}-appended"
    folder.mkdir(parents=True)
    path = folder / "part-0.parquet"
    parquet.write_table(rows, path, compression="zstd")
    file = DataFile(path=path.relative_to(log.root).as_posix(), num_rows=rows.num_rows)
    at = now_after(snapshot.created_at).isoformat()
    after = log.commit(snapshot.appended(table, [file]), created_at=at)
    follow_with_delta(log.root, after)
    return after
