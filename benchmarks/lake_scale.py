"""Building a lake from EdNet's layout: rows per second and peak memory as it grows.

    python benchmarks/lake_scale.py --answers 1000000,10000000 --work FOLDER --out docs/results/lake_scale.json

Each size is generated (benchmarks/ednet_scale.py), built by the command line in a process of its own, built again, which
must change nothing, and removed. Memory is that of the process and its children together, sampled ten times a second:
what they share is counted once for each, so the true figure is lower.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from server_process import machine, write_result

HERE = Path(__file__).parent


def build(source: Path, lake: Path, engine: str, memory: str) -> dict[str, Any]:
    """Return the seconds, peak memory and report of one build."""
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
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_resident(pid) for pid in _tree(process.pid)))
            time.sleep(0.1)
        assert process.stdout is not None
        report = orjson.loads(process.stdout.read())
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return {"seconds": time.perf_counter() - began, "peak_mib": peak / 2**20, "report": report}


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(inner for child in children for inner in _tree(int(child)))]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096
    except (OSError, IndexError):
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", default="1000000,10000000", help="Sizes, with commas between.")
    parser.add_argument("--engine", default="duckdb")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    sizes = []
    for wanted in (int(text) for text in arguments.answers.split(",")):
        source, lake = arguments.work / f"ednet-{wanted}", arguments.work / f"lake-{wanted}"
        shutil.rmtree(lake, ignore_errors=True)
        if not source.is_dir():
            generate = [
                sys.executable,
                str(HERE / "ednet_scale.py"),
                "--out",
                str(source),
                "--answers",
                str(wanted),
            ]
            subprocess.run(generate, check=True)
        first = build(source, lake, arguments.engine, arguments.memory)
        second = build(source, lake, arguments.engine, arguments.memory)
        rows = first["report"]["num_new_events"]
        entry = {
            "answers": rows,
            "students": first["report"]["rows"]["silver.users"],
            "seconds": round(first["seconds"], 1),
            "answers_per_second": round(rows / first["seconds"]),
            "peak_mib": round(first["peak_mib"]),
            "stages": {stage: round(taken, 1) for stage, taken in first["report"]["seconds"].items()},
            "lake_mb": round(sum(f.stat().st_size for f in lake.rglob("*.parquet")) / 1e6),
            "second_build_seconds": round(second["seconds"], 1),
            "second_build_new_events": second["report"]["num_new_events"],
        }
        print(entry, flush=True)
        sizes.append(entry)
        shutil.rmtree(lake)
        shutil.rmtree(source)
    result = {
        "engine": arguments.engine,
        "memory_limit": arguments.memory,
        "sizes": sizes,
        "machine": machine(),
    }
    if arguments.out:
        write_result(arguments.out, result)


if __name__ == "__main__":
    main()
