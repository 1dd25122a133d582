"""Kills during builds of a lake: each leaves either the old tables or the new ones, whole.

    python benchmarks/kill_lake.py --kills 100 --out docs/results/kill_lake.json

A build is killed with SIGKILL at a random moment, its files are read and counted against the commit that lists them;
the next build goes on. Before each build new answers come in, so that all stages meet the kill. At the end the lake
must hold what one build of everything holds.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pyarrow import parquet
from server_process import machine, write_result

from knowtrace.lake import TABLES, CommitLog, build_lake
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.sources.layouts import write_layout

SAME = ("silver.users", "silver.user_splits", "silver.items", "silver.skills", "gold.item_days")
"""Tables that are equal whatever the order in which answers came."""


def verify(root: Path) -> tuple[int, int]:
    """Return the commit and its events, after reading every row of every file it lists."""
    snapshot = CommitLog(root).last()
    for files in snapshot.tables.values():
        for file in files:
            rows = parquet.ParquetFile(root / file.path).read().num_rows
            assert rows == file.num_rows, f"{file.path} has {rows} rows, its commit says {file.num_rows}"
    events = {table.name: snapshot.num_rows(table) for table in TABLES}
    assert events["wdirt_features"] == events["canonical_learning_events"], events
    return snapshot.version, events["canonical_learning_events"]


def build_and_kill(source: Path, root: Path, after: float) -> bool:
    """Start a build and kill it after some seconds; return whether it was still running."""
    command = [
        sys.executable,
        "-m",
        "knowtrace",
        "lake",
        "build",
        "--source",
        str(source),
        "--into",
        str(root),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    assert process.returncode == 0, f"a build ended with {process.returncode}"
    return False


def content(root: Path, name: str) -> list[str]:
    table = next(table for table in TABLES if table.full_name == name)
    files = CommitLog(root).last().files(table)
    rows = [row for file in files for row in parquet.ParquetFile(root / file.path).read().to_pylist()]
    return sorted(map(repr, rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        result = campaign(Path(folder), arguments.kills, rng)
    result = {**result, "machine": machine()}
    if arguments.out:
        write_result(arguments.out, result)


def campaign(folder: Path, kills: int, rng: random.Random) -> dict[str, Any]:
    whole, source, root = folder / "whole", folder / "source", folder / "lake"
    config = SimulationConfig(num_students=300, num_answers=60, num_items=80, num_skills=8, num_categories=2)
    write_layout(simulate(config, seed=4).dataset, "ednet-kt1", whole)
    source.mkdir()
    (source / "questions.csv").write_bytes((whole / "contents" / "questions.csv").read_bytes())
    waiting = sorted((whole / "KT1").iterdir())
    rng.shuffle(waiting)
    began = time.perf_counter()
    build_and_kill(source_with(source, waiting, 5), root, 1e9)
    length = time.perf_counter() - began
    num_killed = num_finished = 0
    version = 0
    while num_killed < kills:
        source_with(source, waiting, 2)
        was_killed = build_and_kill(source, root, rng.uniform(0.2, 1.1 * length))
        num_killed += was_killed
        num_finished += not was_killed
        following, _ = verify(root)
        assert following >= version, "a commit went back"
        version = following
    source_with(source, waiting, len(waiting))
    build_lake(root, [source])
    build_lake(folder / "clean", [source])
    verify(root)
    different = [name for name in SAME if content(root, name) != content(folder / "clean", name)]
    assert not different, f"after the kills {different} differ from one build"
    return {
        "kills": num_killed,
        "builds_finished_between": num_finished,
        "commits": version,
        "corrupt_tables": 0,
        "tables_equal_to_one_build": list(SAME),
        "seconds": round(time.perf_counter() - began, 1),
    }


def source_with(source: Path, waiting: list[Path], more: int) -> Path:
    """Add a few more students' files to the source."""
    for _ in range(min(more, len(waiting))):
        file = waiting.pop()
        (source / file.name).write_bytes(file.read_bytes())
    return source


if __name__ == "__main__":
    main()
