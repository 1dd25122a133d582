"""Where a request's time goes: the real server under a mixed load, sampled from outside; a table and a flame graph.

    python benchmarks/request_cost.py --run demo/runs/mingru --database postgresql

First each kind of request alone: milliseconds of the server's processor time per request, and the same in health
checks, which cost nothing but HTTP, so that figures of different machines can be compared.

Then each sample is a stack of one thread; it counts for the innermost frame that
belongs to a part of the table. A thread that waits for work is left out, and so is the event loop itself, whose waiting
and working cannot be told apart from outside: shares are of what is left.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import uvloop
from databases import DATABASES, open_database
from generator import Client, Load, closed
from overload import mixed
from server_process import ServerProcess, machine, write_result

PARTS: dict[str, tuple[str, ...]] = {
    "model: steps, panels, intervals": (
        "knowtrace/registry",
        "knowtrace/tracing/tracer",
        "knowtrace/domain",
        "onnxruntime",
        "numpy",
    ),
    "store: statements, rows, transactions": (
        "knowtrace/store",
        "sqlalchemy",
        "psycopg",
        "aiosqlite",
        "asyncio/locks",
    ),
    "serialisation: answers built and written": (
        "BaseModel.__init__ (pydantic",
        "BaseModel.model_dump",
        "reply (knowtrace/service/fields",
    ),
    "validation: bodies and parameters read": (
        "pydantic",
        "fastapi/dependencies",
        "fastapi/_compat",
        "knowtrace/service/fields",
        "JsonRequest.json (knowtrace/service/route",
    ),
    "who asks, and limits": ("knowtrace/service/identity", "limits"),
    "logs and metrics": (
        "structlog",
        "prometheus_client",
        "knowtrace/service/logs",
        "knowtrace/service/metrics",
    ),
    "deciding": ("knowtrace/deciding", "knowtrace/service/recommendations"),
    "HTTP: parsing, routing, writing": (
        "uvicorn",
        "starlette",
        "fastapi",
        "httptools",
        "contextlib",
        "anyio",
    ),
    "the service's own glue": ("knowtrace",),
}
"""The first part that a frame's function or file belongs to; frames of the standard library count for who called them.
Requests are validated in compiled code, which has no frames: a model's `__init__` is an answer that is built.
"""

PY_SPY = Path(sys.executable).with_name("py-spy")

HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"

KINDS = {
    "health": HEALTH,
    "answer": b"POST /api/v1/events",
    "mastery": b"GET /api/v1/mastery",
    "predict": b"POST /api/v1/predict",
    "recommend": b"POST /api/v1/recommendations",
}

WAITING = (
    "_worker (concurrent/futures",
    "_connection_worker_thread (aiosqlite",
    "Runner.run (asyncio/runners",
    "wait (",
)


def is_waiting(stack: list[str]) -> bool:
    return stack[-1].startswith(WAITING)


def part_of(stack: list[str]) -> str:
    for frame in reversed(stack):
        file = frame.rpartition("(")[2]
        for part, places in PARTS.items():
            if file.startswith(places) or frame.startswith(places):
                return part
    return "the interpreter"


def stacks(path: Path) -> Iterator[tuple[list[str], int]]:
    for line in path.read_text().splitlines():
        frames, _, count = line.rpartition(" ")
        yield frames.split(";"), int(count)


def sample(pid: int, seconds: int, out: Path, form: str) -> None:
    command = [PY_SPY, "record", "-p", str(pid), "-d", str(seconds), "-r", "200", "-f", form, "-o", out]
    subprocess.run(command, check=True, capture_output=True)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cost_by_kind(
    server: ServerProcess, requests: Iterator[bytes], options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Return what a request of each kind costs the server, sent by as many clients as the mixture is."""
    warm = time.perf_counter() + options.seconds
    uvloop.run(keep_busy(Load(requests), server.port, options.clients, warm))
    milliseconds: dict[str, float] = {}
    for kind, beginning in KINDS.items():
        load = Load(repeat(HEALTH) if kind == "health" else only(requests, beginning))
        before, until = processor_seconds(server.pid), time.perf_counter() + options.seconds
        uvloop.run(keep_busy(load, server.port, options.clients, until))
        assert list(load.statuses()) == ["200"], load.statuses()
        milliseconds[kind] = 1e3 * (processor_seconds(server.pid) - before) / len(load.done)
    return {
        kind: {"milliseconds": round(cost, 2), "health_checks": round(cost / milliseconds["health"], 1)}
        for kind, cost in milliseconds.items()
    }


def only(requests: Iterator[bytes], beginning: bytes) -> Iterator[bytes]:
    return (request for request in requests if request.startswith(beginning))


async def keep_busy(load: Load, port: int, clients: int, until: float) -> None:
    await closed(load, [Client(port) for _ in range(clients)], until)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=20, help="for the table, and again for the graph")
    parser.add_argument("--students", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=Path("docs/results/request_cost.json"))
    options = parser.parse_args()
    before = machine()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_database(options.database, Path(folder)) as database_url,
        ServerProcess(
            database_url=database_url,
            run=options.run,
            log=Path(folder) / "server.log",
            rate_limit="10000000/minute",
        ) as server,
    ):
        requests = mixed(server, options.students)
        costs = cost_by_kind(server, requests, options)
        load = Load(requests)
        until = time.perf_counter() + 2 * options.seconds + 6
        busy = threading.Thread(
            target=lambda: uvloop.run(keep_busy(load, server.port, options.clients, until))
        )
        busy.start()
        time.sleep(2)
        raw = Path(folder) / "stacks.txt"
        sample(server.pid, options.seconds, raw, "raw")
        graph = options.out.with_suffix(".svg")
        sample(server.pid, options.seconds, graph, "flamegraph")
        # The title has the whole command, with the place where py-spy lies on this machine.
        graph.write_text(graph.read_text().replace(str(PY_SPY), PY_SPY.name))
        busy.join()
        parts: Counter[str] = Counter()
        waiting = 0
        for stack, count in stacks(raw):
            if is_waiting(stack):
                waiting += count
            else:
                parts[part_of(stack)] += count
    write_result(
        options.out,
        {
            "machine_at_start": before,
            "database": options.database,
            "run": options.run.name,
            "processor_time_per_request": costs,
            "requests": load.statuses(),
            "samples": parts.total(),
            "samples_left_out": waiting,
            "shares": {part: round(count / parts.total(), 3) for part, count in parts.most_common()},
        },
    )


if __name__ == "__main__":
    main()
