"""What each plan of the lake shuffles on Spark: bytes per answer, from Spark's own task metrics.

    python benchmarks/lake_shuffles.py --answers 1000000 --work FOLDER --out docs/results/lake_shuffles.json

A lake is built in local[2] from EdNet's layout (benchmarks/ednet_scale.py), with Spark's event log on. A job is named
for the table that is being written, or "counts and checks" between two of them; a stage counts once, where it ran.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
from pyspark.sql import SparkSession
from server_process import machine, write_result

from knowtrace.lake import TABLES, BuildOptions, build_lake
from knowtrace.lake.spark_engine import SparkEngine

HERE = Path(__file__).parent
BETWEEN = "counts and checks"
NAMES = {table.full_name for table in TABLES}
SIZES = {"131441538": 131_441_538, "1000000000": 1_000_000_000}


def session(work: Path) -> Any:
    (work / "events").mkdir(parents=True, exist_ok=True)
    return (
        SparkSession.builder.master("local[2]")
        .appName("shuffles")
        .config("spark.driver.memory", "4g")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.local.dir", str(work / "spill"))
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.eventLog.enabled", "true")
        .config("spark.eventLog.rolling.enabled", "false")
        .config("spark.eventLog.compress", "false")
        .config("spark.eventLog.dir", (work / "events").as_uri())
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )


def named_by_table(context: Any) -> None:
    """Let every job of a written table carry the table's name."""
    write = SparkEngine.write

    def named(self: Any, frame: Any, table: Any, *rest: Any, **named_rest: Any) -> Any:
        context.setJobDescription(table.full_name)
        try:
            return write(self, frame, table, *rest, **named_rest)
        finally:
            context.setJobDescription(BETWEEN)

    context.setJobDescription(BETWEEN)
    SparkEngine.write = named


def shuffled(events: Path) -> dict[str, int]:
    """Return the shuffle bytes written by each named job of an event log."""
    job_of: dict[int, str] = {}
    written: dict[str, int] = defaultdict(int)
    for line in events.read_bytes().splitlines():
        event = orjson.loads(line)
        if event["Event"] == "SparkListenerJobStart":
            name = (event.get("Properties") or {}).get("spark.job.description", BETWEEN)
            name = name if name in NAMES else BETWEEN
            for stage in event["Stage IDs"]:
                job_of.setdefault(stage, name)
        elif event["Event"] == "SparkListenerTaskEnd" and (metrics := event.get("Task Metrics")):
            written[job_of[event["Stage ID"]]] += metrics["Shuffle Write Metrics"]["Shuffle Bytes Written"]
    return {name: num_bytes for name, num_bytes in written.items() if num_bytes}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    source, lake = arguments.work / f"ednet-{arguments.answers}", arguments.work / "lake"
    shutil.rmtree(lake, ignore_errors=True)
    shutil.rmtree(arguments.work / "events", ignore_errors=True)
    if not source.is_dir():
        generate = [sys.executable, str(HERE / "ednet_scale.py"), "--out", str(source)]
        subprocess.run([*generate, "--answers", str(arguments.answers)], check=True)
    spark = session(arguments.work)
    named_by_table(spark.sparkContext)
    began = time.perf_counter()
    report = build_lake(lake, [source], options=BuildOptions(engine="spark"))
    seconds = time.perf_counter() - began
    spark.stop()
    (log,) = (arguments.work / "events").iterdir()
    answers = report.num_new_events
    plans = {
        name: {
            "shuffle_mb": round(num_bytes / 1e6, 1),
            "bytes_per_answer": round(num_bytes / answers, 1),
            "scaled_gb": {size: round(num_bytes / answers * n / 1e9, 1) for size, n in SIZES.items()},
        }
        for name, num_bytes in sorted(shuffled(log).items(), key=lambda pair: -pair[1])
    }
    result = {
        "answers": answers,
        "seconds": round(seconds, 1),
        "stages": {stage: round(taken, 1) for stage, taken in report.seconds.items()},
        "plans": plans,
        "machine": machine(),
    }
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    if arguments.out:
        write_result(arguments.out, result)


if __name__ == "__main__":
    main()
