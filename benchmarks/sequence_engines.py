"""The sequences of a lake by four engines: DuckDB and Spark run the lake's own plan, polars and pandas one by hand.

    python benchmarks/sequence_engines.py --lake FOLDER --copies 1,10,100 --out docs/results/sequence_engines.json

Each reads the lake's silver events, vocabularies and splits and writes gold.sakt_sequences to Parquet, in a process of
its own with two threads, one after the other in each round. A larger size is the lake several times over, its students
under other ids (benchmarks/copied_lake.py). Seconds are those of the work, by the clock and of the processors, without
imports and Spark's start, which is given apart; on a machine that others use the processors' seconds compare better.
Memory is what is resident of the process and its children at most, sampled ten times a second; a way that needs more
than --limit-gib, or longer than --limit-seconds, is ended, and sits out the larger sizes. What they write is compared
for 300 students. polars and pandas are no part of the project: pip install polars pandas.
"""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import orjson
from copied_lake import copied_lake
from process_tree import cpu_seconds, resident_bytes, tree
from pyarrow import parquet
from server_process import machine, write_result

from knowtrace.lake import TABLES, CommitLog
from knowtrace.lake.tables import Table

BY_NAME = {table.name: table for table in TABLES}
LISTS = ("items", "skill_sets", "responses", "answered_at", "elapsed_ms", "containers")
LARGE = 50_000_000
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
    items, sets = read("item_vocabulary"), read("skill_sets")
    events, splits = BY_NAME["canonical_learning_events"], BY_NAME["user_splits"]
    rows_of: Counter[str] = Counter()
    for file in snapshot.files(events):
        rows_of[file.bucket or ""] += file.num_rows
    (out / "rows").mkdir()
    for number, group in enumerate(engine.groups(rows_of, rows_of)):
        frame = sequences(
            engine,
            engine.read(events, snapshot.files(events, group), root),
            engine.read(splits, snapshot.files(splits, group), root),
            items,
            sets,
        )
        engine.write(frame, BY_NAME["sakt_sequences"], out / "rows" / str(number), out, group)
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


class Spent(NamedTuple):
    """What one way used: seconds to start, by the clock, of the processors, and bytes at most; or why it was ended."""

    start: float = 0.0
    clock: float = 0.0
    processor: float = 0.0
    peak: int = 0
    ended: str = ""


def run(way: str, lake: Path, into: Path, limit_bytes: float, limit_seconds: float) -> Spent:
    """Let one way write its sequences in a process of its own, within limits."""
    command = [sys.executable, __file__, "--lake", str(lake), "--one", way, "--into", str(into)]
    environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
    peak, began = 0, time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        while process.poll() is None:
            peak = max(peak, resident_bytes(process.pid))
            seconds = time.perf_counter() - began
            if peak > limit_bytes or seconds > limit_seconds:
                for member in reversed(tree(process.pid)):
                    os.kill(member, signal.SIGKILL)
                process.wait()
                why = "memory" if peak > limit_bytes else "time"
                return Spent(clock=seconds, peak=peak, ended=why)
            time.sleep(0.1)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Spent(*orjson.loads(said.splitlines()[-1]), peak)


def compared(lake: Path, ways: list[str], rounds: int, limits: tuple[float, float]) -> dict[str, Any]:
    """Let the ways write one lake's sequences in turn, and return what each used; those that were ended drop out."""
    taken: dict[str, list[Spent]] = {way: [] for way in ways}
    reference: dict[str, list[list[int]]] | None = None
    for _ in range(rounds):
        for way in [way for way in ways if not any(spent.ended for spent in taken[way])]:
            with tempfile.TemporaryDirectory(dir=lake) as into:
                taken[way].append(run(way, lake, Path(into), *limits))
                print(way, taken[way][-1], flush=True)
                if taken[way][-1].ended:
                    continue
                written = content(Path(into) / "rows", 300)
                reference = reference or written
                assert written == reference, f"{way} wrote other sequences"
    snapshot = CommitLog(lake).last()
    return {
        "answers": snapshot.num_rows(BY_NAME["canonical_learning_events"]),
        "students": snapshot.num_rows(BY_NAME["users"]),
        "ways": {way: figures(spent) for way, spent in taken.items()},
        "of_fastest": of_fastest(taken),
    }


def figures(rounds: list[Spent]) -> dict[str, Any]:
    if rounds[-1].ended:
        last = rounds[-1]
        return {"ended_for": last.ended, "after_seconds": round(last.clock), "peak_mib": last.peak // 2**20}
    return {
        "seconds": [round(spent.clock, 2) for spent in rounds],
        "processor_seconds": [round(spent.processor, 2) for spent in rounds],
        "start_seconds": round(min(spent.start for spent in rounds), 2),
        "peak_mib": max(spent.peak for spent in rounds) // 2**20,
    }


def of_fastest(taken: dict[str, list[Spent]]) -> dict[str, dict[str, float]]:
    """Return each way's median seconds, by the clock and of the processors, over those of the fastest."""
    ratios: dict[str, dict[str, float]] = {}
    whole = {way: rounds for way, rounds in taken.items() if not any(spent.ended for spent in rounds)}
    for name in ("clock", "processor"):
        medians = {way: median(getattr(one, name) for one in rounds) for way, rounds in whole.items()}
        ratios[name] = {way: round(value / min(medians.values()), 2) for way, value in medians.items()}
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--copies", default="1", help="How many times over, with commas between.")
    parser.add_argument("--ways", default=",".join(WAYS), help="Which of them, with commas between.")
    parser.add_argument(
        "--rounds", type=int, default=3, help="Of the sizes below 50 million; larger ones have one."
    )
    parser.add_argument("--limit-gib", type=float, default=16)
    parser.add_argument("--limit-seconds", type=float, default=1800)
    parser.add_argument("--work", type=Path, help="Where the copies lie meanwhile, one size at a time.")
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
    ways, sizes = arguments.ways.split(","), []
    limits = (arguments.limit_gib * 2**30, arguments.limit_seconds)
    num_answers = CommitLog(arguments.lake).last().num_rows(BY_NAME["canonical_learning_events"])
    for copies in map(int, arguments.copies.split(",")):
        with tempfile.TemporaryDirectory(dir=arguments.work) as work:
            copied_lake(arguments.lake, copies, Path(work))
            rounds = arguments.rounds if copies * num_answers < LARGE else 1
            sizes.append(compared(Path(work), ways, rounds, limits))
        ways = [way for way in ways if "ended_for" not in sizes[-1]["ways"][way]]
        result = {"limit_gib": arguments.limit_gib, "limit_seconds": arguments.limit_seconds, "sizes": sizes}
        if arguments.out:
            write_result(arguments.out, {**result, "machine": machine()})


if __name__ == "__main__":
    main()
