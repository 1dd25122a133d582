"""Training on a lake's gold sequences in less memory than its answers take: anonymous memory, measured.

    python benchmarks/stream_training.py --answers 20000000 --work FOLDER --out docs/results/stream_training.json

The lake is simulated: gold sequences, vocabularies and a commit, as a build leaves them, of students with lognormal
numbers of answers (167 on average, as EdNet's), 13,169 items and 188 skills. One epoch is trained by the command line
in a process of its own, whose private memory may not grow beyond the limit (RLIMIT_DATA), and which is asked twenty
times a second for its RssAnon: pages of mapped files are the system's and do not count. Held in memory, the arrays
alone would take what `held_mib` says.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from ednet_scale import MEAN_ANSWERS, NUM_ITEMS, NUM_TAGS
from pyarrow import parquet
from server_process import machine, write_result

from knowtrace.lake import CommitLog, DataFile, Snapshot
from knowtrace.lake.arrow import arrow_schema
from knowtrace.lake.gold_tables import ITEM_VOCABULARY, SEQUENCES, SKILL_SETS
from knowtrace.lake.silver_tables import EVENTS
from knowtrace.lake.tables import BUCKET, BUCKETS, Table

NUM_SETS = 1_500
"""Sets of one to four skills, about as many as EdNet has."""

BLOCK = 2_000
"""Students simulated at once."""

BYTES_HELD = 8 + 4 * 8 + 8 + 4 + 4 + 1
"""Of an answer in memory: item, four skills, response, lag, elapsed time, and whether it begins a container."""

START = 1_493_596_800_000_000
"""2017-05-01, in microseconds."""


def write_lake(root: Path, answers: int, seed: int) -> int:
    """Write a lake of about as many answers; return how many they are."""
    rng = np.random.default_rng(seed)
    items = {"item_id": [f"q{n}" for n in range(NUM_ITEMS)], "item_index": np.arange(NUM_ITEMS) + 2}
    tags = [sorted(rng.choice(NUM_TAGS, rng.integers(1, 5), replace=False).tolist()) for _ in range(NUM_SETS)]
    sets = {"skill_ids": [list(map(str, of_set)) for of_set in tags], "skill_set": np.arange(NUM_SETS) + 1}
    snapshot = Snapshot()
    for table, columns in ((ITEM_VOCABULARY, items), (SKILL_SETS, sets)):
        path = _path(root, table)
        parquet.write_table(pa.table(columns, schema=arrow_schema(table)), path)
        snapshot = snapshot.appended(table, [_file(root, path, len(columns[table.column_names[0]]))])
    # What reading asks of events is their number of categories.
    path = _path(root, EVENTS)
    parquet.write_table(pa.table({"num_categories": pa.array([2], pa.int32())}), path)
    snapshot = snapshot.appended(EVENTS, [_file(root, path, 1)])
    num_students = round(answers / MEAN_ANSWERS)
    total = first = 0
    for bucket in BUCKETS:
        last = num_students * (BUCKETS.index(bucket) + 1) // len(BUCKETS)
        path = _path(root, SEQUENCES, f"{BUCKET}={bucket}")
        with parquet.ParquetWriter(path, arrow_schema(SEQUENCES), compression="zstd") as writer:
            for begin in range(first, last, BLOCK):
                rows, count = _students(begin, min(begin + BLOCK, last), rng)
                writer.write_table(rows)
                total += count
        snapshot = snapshot.appended(SEQUENCES, [_file(root, path, last - first, bucket)])
        first = last
    CommitLog(root).commit(snapshot, created_at=datetime.now(UTC).isoformat())
    return total


def _path(root: Path, table: Table, part: str = "") -> Path:
    folder = root / table.layer / table.name / "00000001-0001" / part
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "part-0.parquet"


def _file(root: Path, path: Path, num_rows: int, bucket: str | None = None) -> DataFile:
    return DataFile(path=path.relative_to(root).as_posix(), num_rows=num_rows, bucket=bucket)


def _students(first: int, last: int, rng: np.random.Generator) -> tuple[pa.Table, int]:
    """Return the sequences of students first .. last - 1, answers from a Rasch model, bundles of one to three."""
    sigma = 1.6
    num_students = last - first
    counts = np.maximum(
        rng.lognormal(np.log(MEAN_ANSWERS) - sigma**2 / 2, sigma, num_students).astype(int), 2
    )
    total = int(counts.sum())
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    owner = np.repeat(np.arange(num_students), counts)
    item = (NUM_ITEMS * rng.beta(0.6, 1.4, total)).astype(np.int64)
    ability = rng.normal(0.6, 1.0, num_students)[owner]
    right = rng.random(total) < 1 / (1 + np.exp(np.sin(item * 12.9898) * 1.5 - ability))
    place = np.arange(total) - starts[owner]
    begins = (rng.random(total) < 0.6) | (place == 0)
    container = np.maximum.accumulate(np.where(begins, np.arange(total), 0)) - starts[owner] + 1
    lists = {
        "items": pa.array(item + 2),
        "skill_sets": pa.array(item % NUM_SETS + 1),
        "responses": pa.array(right.astype(np.int32)),
        "answered_at": pa.array(START + np.cumsum(rng.integers(5, 90, total)) * 1_000_000),
        "elapsed_ms": pa.array(rng.integers(1_000, 60_000, total)),
        "containers": pa.array(container),
    }
    split = rng.choice(["train", "valid", "test"], num_students, p=[0.7, 0.15, 0.15])
    columns = {
        "user_id": pa.array([f"u{n}" for n in range(first, last)]),
        "split": pa.array(split),
        "fold": pa.array(np.zeros(num_students, dtype=np.int32)),
        "given_split": pa.nulls(num_students, pa.string()),
        "num_events": pa.array(counts),
        **{name: pa.ListArray.from_arrays(pa.array(starts), values) for name, values in lists.items()},
    }
    return pa.table(columns).select(list(SEQUENCES.column_names)).cast(arrow_schema(SEQUENCES)), total


def train(
    lake: Path, out: Path, model: str, limit_mib: int, seconds: float, settings: str | None
) -> dict[str, Any]:
    """Train one epoch in a process of its own; return its largest RssAnon and RssFile, sampled, in MiB."""
    command = [sys.executable, "-m", "knowtrace", "train", "--model", model, "--data", str(lake)]
    command += ["--out", str(out), "--epochs", "1", "--device", "cpu"]
    command += ["--set", settings] if settings else []

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (limit_mib * 2**20, limit_mib * 2**20))

    shutil.rmtree(out, ignore_errors=True)
    peak = {"RssAnon": 0, "RssFile": 0}
    began = time.perf_counter()
    timeline: list[tuple[float, float]] = []
    with subprocess.Popen(command, preexec_fn=limited if limit_mib else None) as process:  # noqa: PLW1509 - no threads
        while process.poll() is None:
            found = _memory(process.pid)
            peak = {name: max(value, found.get(name, 0)) for name, value in peak.items()}
            timeline.append((time.perf_counter() - began, found.get("RssAnon", 0) / 1024))
            if seconds and time.perf_counter() - began > seconds:
                process.terminate()
                break
            time.sleep(0.05)
        code = process.wait()
    step = max(1, len(timeline) // 20)
    return {
        "peak_anonymous_mib": round(peak["RssAnon"] / 1024),
        "peak_mapped_mib": round(peak["RssFile"] / 1024),
        "seconds": round(time.perf_counter() - began, 1),
        "exit_code": code,
        "anonymous_mib_over_time": [(round(at), round(mib)) for at, mib in timeline[::step]],
    }


def _memory(pid: int) -> dict[str, int]:
    """Return the kibibytes of a process by kind; nothing once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=20_000_000)
    parser.add_argument("--model", default="dkt")
    parser.add_argument("--set", dest="settings", help="The model's settings, as name=value,…")
    parser.add_argument("--limit", type=int, default=0, help="MiB of private memory the training may have.")
    parser.add_argument("--seconds", type=float, default=0, help="Stop the training after so long.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lake = arguments.work / f"lake-{arguments.answers}"
    counted = arguments.work / f"lake-{arguments.answers}.txt"
    if not counted.is_file():
        shutil.rmtree(lake, ignore_errors=True)
        total = write_lake(lake, arguments.answers, arguments.seed)
        counted.write_text(str(total), encoding="ascii")
    total = int(counted.read_text(encoding="ascii"))
    found = train(
        lake,
        arguments.work / "run",
        arguments.model,
        arguments.limit,
        arguments.seconds,
        arguments.settings,
    )
    result = {
        "model": arguments.model,
        "settings": arguments.settings,
        "answers": total,
        "limit_mib": arguments.limit or None,
        "held_mib": round(total * BYTES_HELD / 2**20),
        **found,
        "machine": machine(),
    }
    print(result)
    if arguments.out:
        write_result(arguments.out, result)


if __name__ == "__main__":
    main()
