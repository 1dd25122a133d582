"""Building a lake from EdNet's layout: rows per second and peak memory as it grows, by one engine or by several.

    python benchmarks/lake_scale.py --answers 1000000,10000000 --work FOLDER --out docs/results/lake_scale.json
    python benchmarks/lake_scale.py --answers 1000000 --engines duckdb,spark --work FOLDER --out FILE

Each size is generated once (benchmarks/ednet_scale.py). Each engine in turn builds a lake of it by the command line in
its own process and builds it again, which must change nothing; the lake is then removed. All engines must write as many
rows to every table. Memory and processor seconds are those of the process and its children together, sampled ten times
a second: memory they share is counted once for each, so the true figure is lower.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from process_tree import cpu_seconds, resident_bytes
from server_process import machine, write_result

HERE = Path(__file__).parent


def build(source: Path, lake: Path, engine: str, memory: str) -> dict[str, Any]:
    """Return the seconds by the clock and of the processors, the peak memory and the report of one build."""
    command = [
        sys.executable,
        "-m",
        "knowtrace",
        "lake",
        "build",
        "--source",
        str(source),
        "--into",
        str(lake),
    ]
    command += ["--engine", engine, "--memory", memory, "--json"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        peak, used = 0, 0.0
        while process.poll() is None:
            used = max(used, cpu_seconds(process.pid))
            peak = max(peak, resident_bytes(process.pid))
            time.sleep(0.1)
        assert process.stdout is not None
        report = orjson.loads(process.stdout.read())
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return {
        "seconds": time.perf_counter() - began,
        "processor_seconds": used,
        "peak_mib": peak / 2**20,
        "report": report,
    }


def measured(source: Path, lake: Path, engine: str, memory: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Build a lake twice and remove it; return the figures, and the rows of each table."""
    shutil.rmtree(lake, ignore_errors=True)
    first = build(source, lake, engine, memory)
    second = build(source, lake, engine, memory)
    report = first["report"]
    figures = {
        "engine": engine,
        "answers": report["num_new_events"],
        "students": report["rows"]["silver.users"],
        "seconds": round(first["seconds"], 1),
        "processor_seconds": round(first["processor_seconds"], 1),
        "answers_per_second": round(report["num_new_events"] / first["seconds"]),
        "peak_mib": round(first["peak_mib"]),
        "stages": {stage: round(taken, 1) for stage, taken in report["seconds"].items()},
        "lake_mb": round(sum(f.stat().st_size for f in lake.rglob("*.parquet")) / 1e6),
        "second_build_seconds": round(second["seconds"], 1),
        "second_build_new_events": second["report"]["num_new_events"],
    }
    shutil.rmtree(lake)
    return figures, report["rows"]


def of_fastest(sizes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each build's seconds over those of the fastest build of as many answers."""
    return [
        {"engine": one["engine"], "answers": one["answers"]}
        | {
            name: round(
                one[name] / min(other[name] for other in sizes if other["answers"] == one["answers"]), 2
            )
            for name in ("seconds", "processor_seconds")
        }
        for one in sizes
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", default="1000000,10000000", help="Sizes, with commas between.")
    parser.add_argument("--engines", default="duckdb", help="duckdb, spark or both, with a comma between.")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sizes: list[dict[str, Any]] = []
    for wanted in (int(text) for text in arguments.answers.split(",")):
        source = arguments.work / f"ednet-{wanted}"
        if not source.is_dir():
            generate = [sys.executable, str(HERE / "ednet_scale.py"), "--out", str(source)]
            subprocess.run([*generate, "--answers", str(wanted)], check=True)
        rows: dict[str, int] = {}
        for engine in arguments.engines.split(","):
            figures, written = measured(source, arguments.work / f"lake-{wanted}", engine, arguments.memory)
            rows = rows or written
            assert written == rows, f"{engine} wrote {written}, not {rows}"
            print(figures, flush=True)
            sizes.append(figures)
        shutil.rmtree(source)
    result = {
        "memory_limit": arguments.memory,
        "sizes": sizes,
        "of_fastest": of_fastest(sizes),
        "machine": machine(),
    }
    if arguments.out:
        write_result(arguments.out, result)


if __name__ == "__main__":
    main()
