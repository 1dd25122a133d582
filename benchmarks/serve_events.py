"""How many answers per second the real server makes durable, and how long one of them waits.

    python benchmarks/serve_events.py --run demo/runs/mingru --connections 32              closed: as they come back
    python benchmarks/serve_events.py --run demo/runs/mingru --connections 64 --rate 800   open: at a fixed rate

Each request is one POST /api/v1/events with one new answer. In the open form a latency counts from the
moment the request was due, so that a slow server cannot hide its own queue. The generator shares the machine
with the server.
"""

import argparse
import asyncio
import resource
import shlex
import sys
import tempfile
import time
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson
import uvloop
from databases import DATABASES, open_database
from server_process import ServerProcess, machine, write_result


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time; parses no more of HTTP than it must."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but does not inherit

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.lower().find(b"content-length:", 0, head)
        length = int(self._received[at + 15 : self._received.find(b"\r", at)])
        if len(self._received) >= head + 4 + length and self._answer:
            self._answer.set_result(int(self._received[9:12]))
            self._received.clear()

    def send(self, request: bytes) -> "asyncio.Future[int]":
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer


class Load:
    """New answers of many students, and what became of each."""

    def __init__(self, host: str, items: list[str], num_students: int) -> None:
        self._host = host
        self._items = items
        self._num_students = num_students
        self._random = np.random.default_rng(1)
        self._count = 0
        self.statuses: Counter[int] = Counter()
        self.failures = 0
        self.done_at: list[float] = []
        self.latencies: list[float] = []

    def request(self) -> bytes:
        self._count += 1
        body = orjson.dumps(
            {
                "event_id": f"load-{self._count}",
                "student_id": f"student-{self._random.integers(self._num_students)}",
                "item_id": self._items[self._random.integers(len(self._items))],
                "correct": bool(self._random.random() < 0.7),
                "answered_at": datetime.now(UTC),
                "elapsed_seconds": 12.5,
            }
        )
        head = (
            f"POST /api/v1/events HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def one(self, connection: Connection, due: float) -> None:
        try:
            status = await connection.send(self.request())
        except ConnectionError:
            self.failures += 1
            return
        now = time.perf_counter()
        self.statuses[status] += 1
        self.done_at.append(now)
        self.latencies.append(now - due)


async def closed(load: Load, connections: list[Connection], until: float) -> None:
    async def client(connection: Connection) -> None:
        while (now := time.perf_counter()) < until:
            await load.one(connection, now)

    await asyncio.gather(*(client(connection) for connection in connections))


async def open_model(load: Load, connections: list[Connection], until: float, rate: float) -> int:
    """Send at a fixed rate; return how many requests never found a free connection."""
    idle = deque(connections)
    due = deque[float]()
    running: set[asyncio.Task[None]] = set()

    async def carry(connection: Connection, at: float) -> None:
        await load.one(connection, at)
        if due:
            start(connection, due.popleft())
        else:
            idle.append(connection)

    def start(connection: Connection, at: float) -> None:
        task = asyncio.create_task(carry(connection, at))
        running.add(task)
        task.add_done_callback(running.discard)

    next_due = time.perf_counter()
    while next_due < until:
        while next_due <= time.perf_counter():
            if idle:
                start(idle.popleft(), next_due)
            else:
                due.append(next_due)
            next_due += 1 / rate
        await asyncio.sleep(max(0.0, next_due - time.perf_counter()))
    dropped = len(due)
    due.clear()
    while running:
        await asyncio.wait(running)
    return dropped


async def measure(server: ServerProcess, options: argparse.Namespace) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    items = [item["item_id"] for item in server.get("/api/v1/items?limit=1000")["items"]]
    load = Load(f"127.0.0.1:{server.port}", items, options.students)
    pairs = [
        await loop.create_connection(Connection, "127.0.0.1", server.port) for _ in range(options.connections)
    ]
    connections = [protocol for _, protocol in pairs]
    begun = time.perf_counter() + options.warm_up
    until = begun + options.seconds
    dropped = 0
    if options.rate:
        dropped = await open_model(load, connections, until, options.rate)
    else:
        await closed(load, connections, until)
    for transport, _ in pairs:
        transport.close()
    done, latencies = np.array(load.done_at), np.array(load.latencies) * 1e3
    counted = (done >= begun) & (done < until)
    p50, p95, p99 = np.percentile(latencies[counted], [50, 95, 99]).tolist()
    return {
        "events_per_second": round(int(counted.sum()) / options.seconds, 1),
        "latency_ms": {
            "p50": round(p50, 2),
            "p95": round(p95, 2),
            "p99": round(p99, 2),
            "max": round(float(latencies[counted].max()), 2),
        },
        "num_answered": len(load.done_at),
        "statuses": {str(status): count for status, count in sorted(load.statuses.items())},
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
    # The server is this process's only child: all of its processor time, start and stop included.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = used.ru_utime + used.ru_stime
    write_result(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine_at_start": before,
            "model_version": model_version,
            "model": "open" if options.rate else "closed",
            "rate": options.rate or None,
            "connections": options.connections,
            "seconds": options.seconds,
            "students": options.students,
            "database": options.database,
            "server_cpu_ms_per_event": round(cpu_seconds * 1e3 / measured.pop("num_answered"), 3),
            **measured,
        },
    )


if __name__ == "__main__":
    main()
