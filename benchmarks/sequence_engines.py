"""The sequences of a lake by four engines: DuckDB and Spark run the lake's own plan, polars and pandas one by hand.

    python benchmarks/sequence_engines.py --lake FOLDER --out docs/results/sequence_engines.json

Each reads the lake's silver events, vocabularies and splits and writes gold.sakt_sequences to Parquet, in a process of
its own with two threads, one after the other in each round. Seconds are those of the work, by the clock and of the
processors, without imports and Spark's start, which is given apart; on a machine that others use the processors'
seconds compare better. What they write is compared for 300 students. polars and pandas are no part of the project:
pip install polars pandas.
"""

import argparse
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import orjson
from process_tree import cpu_seconds
from pyarrow import parquet
from server_process import machine, write_result

from knowtrace.lake import TABLES, CommitLog
from knowtrace.lake.tables import Table

BY_NAME = {table.name: table for table in TABLES}
LISTS = ("items", "skill_sets", "responses", "answered_at", "elapsed_ms", "containers")
STEPS = ("item_index", "skill_set", "response", "timestamp", "latency_ms", "container")


class Moment(NamedTuple):
    """What the clock says, and the processors' seconds of this process and its descendants."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> "Moment":
        return cls(time.perf_counter(), cpu_seconds(os.getpid()))


def files(root: Path, name: str) -> list[str]:
    return [str(root / file.path) for file in CommitLog(root).last().files(BY_NAME[name])]


def by_plan(engine_name: str, root: Path, out: Path) -> tuple[Moment, Moment]:
    """Run the lake's own plan; return when its work began, the engine having started, and when it ended."""
    from knowtrace.lake.engine import open_engine
    from knowtrace.lake.sequences import sequences

    engine = open_engine(engine_name, work=out / "spill", memory="6GB", threads=2)
    snapshot = CommitLog(root).last()

    def read(name: str) -> Any:
        table: Table = BY_NAME[name]
        return engine.read(table, snapshot.files(table), root)

    started = Moment.now()
    frame = sequences(
        engine,
        read("canonical_learning_events"),
        read("user_splits"),
        read("item_vocabulary"),
        read("skill_sets"),
    )
    engine.write(frame, BY_NAME["sakt_sequences"], out / "rows", out)
    ended = Moment.now()
    engine.close()
    return started, ended


def by_polars(root: Path, out: Path) -> tuple[Moment, Moment]:
    pl = importlib.import_module("polars")
    started = Moment.now()
    key = pl.col("skill_ids").list.join("\x1f").alias("skills")
    items = pl.scan_parquet(files(root, "item_vocabulary"))
    sets = pl.scan_parquet(files(root, "skill_sets")).select(key, "skill_set")
    splits = pl.scan_parquet(files(root, "user_splits")).drop("bucket", strict=False)
    columns = ["user_id", "position", "item_id", "skills", "response", "timestamp", "latency_ms", "container"]
    histories = (
        pl.scan_parquet(files(root, "canonical_learning_events"), hive_partitioning=False)
        .with_columns(key, pl.col("timestamp").dt.epoch("us"))
        .select(columns)
        .join(items, on="item_id")
        .join(sets, on="skills")
        .group_by("user_id")
        .agg(*(pl.col(step).sort_by("position").alias(name) for step, name in zip(STEPS, LISTS, strict=True)))
        .join(splits, on="user_id")
    )
    (out / "rows").mkdir()
    histories.sink_parquet(out / "rows" / "part.parquet", compression="zstd")
    return started, Moment.now()


def by_pandas(root: Path, out: Path) -> tuple[Moment, Moment]:
    pd = importlib.import_module("pandas")
    started = Moment.now()

    def read(name: str, columns: list[str]) -> Any:
        parts = [parquet.ParquetFile(file).read(columns=columns) for file in files(root, name)]
        return pd.concat([part.to_pandas() for part in parts], ignore_index=True)

    columns = [
        "user_id",
        "position",
        "item_id",
        "skill_ids",
        "response",
        "timestamp",
        "latency_ms",
        "container",
    ]
    events = read("canonical_learning_events", columns)
    events["skills"] = events.pop("skill_ids").map("\x1f".join)
    events["timestamp"] = events["timestamp"].astype("datetime64[us, UTC]").astype("int64")
    sets = read("skill_sets", ["skill_ids", "skill_set"])
    sets["skills"] = sets.pop("skill_ids").map("\x1f".join)
    steps = events.merge(read("item_vocabulary", ["item_id", "item_index"]), on="item_id").merge(
        sets, on="skills"
    )
    steps = steps.sort_values(["user_id", "position"])
    lists = steps.groupby("user_id", sort=False)[list(STEPS)].agg(list)
    lists.columns = list(LISTS)
    splits = read("user_splits", ["user_id", "split", "fold", "given_split"])
    (out / "rows").mkdir()
    lists.reset_index().merge(splits, on="user_id").to_parquet(
        out / "rows" / "part.parquet", compression="zstd"
    )
    return started, Moment.now()


WAYS: dict[str, Callable[[Path, Path], tuple[Moment, Moment]]] = {
    "duckdb": lambda root, out: by_plan("duckdb", root, out),
    "polars": by_polars,
    "spark": lambda root, out: by_plan("spark", root, out),
    "pandas": by_pandas,
}


def content(folder: Path, students: int) -> dict[str, list[list[int]]]:
    """Return the lists of the first students by id."""
    found: dict[str, list[list[int]]] = {}
    names = sorted(
        name
        for file in folder.rglob("*.parquet")
        for name in parquet.ParquetFile(file).read(columns=["user_id"])["user_id"].to_pylist()
    )[:students]
    for file in folder.rglob("*.parquet"):
        rows = parquet.read_table(
            file, columns=["user_id", *LISTS], filters=[("user_id", "in", names)], partitioning=None
        )
        for row in rows.to_pylist():
            found[row["user_id"]] = [row[name] for name in LISTS]
    return found


def of_fastest(taken: dict[str, list[list[float]]]) -> dict[str, dict[str, float]]:
    """Return each way's median seconds, by the clock and of the processors, over those of the fastest."""
    ratios: dict[str, dict[str, float]] = {}
    for at, name in ((1, "clock"), (2, "processor")):
        medians = {way: median(spent[at] for spent in rounds) for way, rounds in taken.items()}
        ratios[name] = {way: round(value / min(medians.values()), 2) for way, value in medians.items()}
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--ways", default=",".join(WAYS), help="Which of them, with commas between.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        began = Moment.now()
        started, ended = WAYS[arguments.one](arguments.lake, arguments.into)
        spent = (
            started.clock - began.clock,
            ended.clock - started.clock,
            ended.processor - started.processor,
        )
        print(orjson.dumps(spent).decode())
        return
    ways = arguments.ways.split(",")
    taken: dict[str, list[list[float]]] = {way: [] for way in ways}
    reference: dict[str, list[list[int]]] | None = None
    with tempfile.TemporaryDirectory() as work:
        for _ in range(arguments.rounds):
            for way in ways:
                into = Path(work) / way
                shutil.rmtree(into, ignore_errors=True)
                into.mkdir()
                command = [
                    sys.executable,
                    __file__,
                    "--lake",
                    str(arguments.lake),
                    "--one",
                    way,
                    "--into",
                    str(into),
                ]
                environment = {"POLARS_MAX_THREADS": "2"}
                out = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, env={**os.environ, **environment}
                )
                taken[way].append(orjson.loads(out.stdout.splitlines()[-1]))
                print(way, taken[way][-1], flush=True)
                written = content(into / "rows", 300)
                reference = reference or written
                assert written == reference, f"{way} wrote other sequences"
    snapshot = CommitLog(arguments.lake).last()
    result = {
        "answers": snapshot.num_rows(BY_NAME["canonical_learning_events"]),
        "students": snapshot.num_rows(BY_NAME["users"]),
        "seconds": {way: [round(clock, 2) for _, clock, _ in rounds] for way, rounds in taken.items()},
        "processor_seconds": {way: [round(used, 2) for *_, used in rounds] for way, rounds in taken.items()},
        "start_seconds": {way: round(min(start for start, *_ in rounds), 2) for way, rounds in taken.items()},
        "of_fastest": of_fastest(taken),
        "machine": machine(),
    }
    if arguments.out:
        write_result(arguments.out, result)


if __name__ == "__main__":
    main()
