"""A lake that is another one several times over, every student anew under other ids: sizes that take long to build."""

from pathlib import Path

import duckdb

from knowtrace.lake import TABLES, CommitLog
from knowtrace.lake.commits import Snapshot
from knowtrace.lake.duckdb_engine import written_files
from knowtrace.lake.tables import Table

BY_NAME = {table.name: table for table in TABLES}
OF_STUDENTS = ("canonical_learning_events", "user_splits", "users")
OF_ALL = ("item_vocabulary", "skill_sets")


def copied_lake(lake: Path, copies: int, into: Path) -> None:
    """Write what sequences are made of: the tables of students `copies` times, vocabularies once."""
    snapshot, made = CommitLog(lake).last(), Snapshot()
    with duckdb.connect(
        config={"memory_limit": "4GB", "threads": 2, "preserve_insertion_order": False}
    ) as db:
        db.execute(f"SET temp_directory = '{into / 'spill'}'")
        for name in OF_STUDENTS:
            renamed = "* EXCLUDE (nth) REPLACE (user_id || '/' || nth AS user_id)"
            made = _copied(db, lake, snapshot, BY_NAME[name], renamed, copies, into, made)
        for name in OF_ALL:
            made = _copied(db, lake, snapshot, BY_NAME[name], "* EXCLUDE (nth)", 1, into, made)
    CommitLog(into).commit(made, created_at=snapshot.created_at)


def _copied(
    db: duckdb.DuckDBPyConnection,
    lake: Path,
    snapshot: Snapshot,
    table: Table,
    columns: str,
    copies: int,
    into: Path,
    made: Snapshot,
) -> Snapshot:
    folder = into / table.layer / table.name
    folder.mkdir(parents=True)
    parted = ", PARTITION_BY (bucket)" if table.is_bucketed else ""
    paths = [str(lake / file.path) for file in snapshot.files(table)]
    read = f"read_parquet(?, hive_partitioning={table.is_bucketed}, hive_types={{'bucket': VARCHAR}})"
    if not table.is_bucketed:
        read = "read_parquet(?, hive_partitioning=false)"
    target = folder if table.is_bucketed else folder / "part-0.parquet"
    db.execute(
        f"COPY (SELECT {columns} FROM {read}, range({copies}) AS copies(nth)) TO '{target}' "
        f"(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2{parted})",
        [paths],
    )
    return made.appended(table, written_files(folder, into))
