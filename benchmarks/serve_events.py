"""How many answers per second the real server makes durable, and how long one of them waits.

    python benchmarks/serve_events.py --run demo/runs/mingru --connections 32              closed: as they come back
    python benchmarks/serve_events.py --run demo/runs/mingru --connections 64 --rate 800   open: at a fixed rate

Each request is one POST /api/v1/events with one new answer. The generator shares the machine with the server.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import uvloop
from databases import DATABASES, open_database
from generator import Client, Load, closed, latencies, open_model
from process_tree import cpu_seconds
from server_process import ServerProcess, machine, write_result


def answers(host: str, items: list[str], num_students: int) -> Iterator[bytes]:
    """Yield requests that send new answers of many students, without end."""
    random = np.random.default_rng(1)
    count = 0
    while True:
        count += 1
        body = orjson.dumps(
            {
                "event_id": f"load-{count}",
                "student_id": f"student-{random.integers(num_students)}",
                "item_id": items[random.integers(len(items))],
                "correct": bool(random.random() < 0.7),
                "answered_at": datetime.now(UTC),
                "elapsed_seconds": 12.5,
            }
        )
        head = (
            f"POST /api/v1/events HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


async def measure(server: ServerProcess, options: argparse.Namespace) -> dict[str, Any]:
    items = [item["item_id"] for item in server.get("/api/v1/items?limit=1000")["items"]]
    load = Load(answers(f"127.0.0.1:{server.port}", items, options.students))
    clients = [Client(server.port) for _ in range(options.connections)]
    begun = time.perf_counter() + options.warm_up
    until = begun + options.seconds
    dropped = 0
    used = cpu_seconds(server.pid)
    if options.rate:
        dropped = await open_model(load, clients, until, options.rate)
    else:
        await closed(load, clients, until)
    used = cpu_seconds(server.pid) - used
    for client in clients:
        client.close()
    counted = load.between(begun, until)
    return {
        "events_per_second": round(len(counted) / options.seconds, 1),
        "latency_ms": latencies(counted),
        "server_cpu_ms_per_event": round(used * 1e3 / len(load.done), 3),
        "statuses": load.statuses(),
        "connection_failures": load.failures,
        "never_sent": dropped,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--rate", type=float, default=0.0, help="requests per second; 0: as fast as they come back"
    )
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--warm-up", type=float, default=3.0)
    parser.add_argument("--students", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=Path("docs/results/serve_events.json"))
    options = parser.parse_args()
    before = machine()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_database(options.database, Path(folder)) as database_url,
    ):
        log = Path(folder) / "server.log"
        with ServerProcess(database_url=database_url, run=options.run, log=log) as server:
            measured = uvloop.run(measure(server, options))
            model_version = server.get("/ready")["model_version"]
    write_result(
        options.out,
        {
            "machine_at_start": before,
            "model_version": model_version,
            "model": "open" if options.rate else "closed",
            "rate": options.rate or None,
            "connections": options.connections,
            "seconds": options.seconds,
            "students": options.students,
            "database": options.database,
            **measured,
        },
    )


if __name__ == "__main__":
    main()
