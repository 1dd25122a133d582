"""Two processes of the service on one database, restarted in turns while answers are sent: is any request not answered?

    python benchmarks/rolling_restarts.py --run runs/latest --restarts 100

Senders do what a balancer does: every 0.2 s each process is asked at /ready, new connections go to one that is ready,
a connection that the process ends with its answer is not used again. Nothing is sent twice. Each restart: SIGTERM, the
process says that it leaves, answers what comes meanwhile, ends, starts again, and the other one is next. Failed is
every request without a 2xx answer. In the end every acknowledged answer is looked for in the log, once, and diverged is
every student whose state is not, bit for bit, what a clean replay of the log gives.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
from databases import open_database
from server_process import ServerProcess, machine, write_result

from knowtrace.registry import Run
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.states import replayed_state

LOOK_EVERY_SECONDS = 0.2
LEAVING_SECONDS = 1.0
"""Five looks: long enough for each sender's balancer to have heard it."""

HEAD = (
    b"POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)
STUDENTS = 200


class Balancer:
    """Which processes are ready, as of the last look."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self.ready = set(ports)

    async def watch(self) -> None:
        while True:
            for port in self._ports:
                if await _is_ready(port):
                    self.ready.add(port)
                else:
                    self.ready.discard(port)
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


class Senders:
    """Answers of many students, and what became of each request."""

    def __init__(self, items: list[str], balancer: Balancer, *, pause_seconds: float) -> None:
        self._items = items
        self._balancer = balancer
        self._pause = pause_seconds
        self._random = random.Random(3)
        self._count = 0
        self.is_over = False
        self.acknowledged: list[str] = []
        self.failures: Counter[str] = Counter()
        self.slowest_seconds = 0.0

    async def run(self) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter, int] | None = None
        while not self.is_over:
            if connection is None or connection[2] not in self._balancer.ready:
                if connection is not None:
                    connection[1].close()
                port = self._random.choice(sorted(self._balancer.ready) or [0])
                try:
                    connection = (*await asyncio.open_connection("127.0.0.1", port), port)
                except OSError as error:
                    self.failures[type(error).__name__] += 1
                    continue
            is_last = await self._send(*connection[:2])
            if is_last:
                connection[1].close()
                connection = None
            await asyncio.sleep(self._pause * self._random.uniform(0.5, 1.5))
        if connection is not None:
            connection[1].close()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one answer; return whether the connection has ended with it."""
        self._count += 1
        event_id = f"rolling-{self._count}"
        body = orjson.dumps(
            {
                "event_id": event_id,
                "student_id": f"student-{self._random.randrange(STUDENTS)}",
                "item_id": self._random.choice(self._items),
                "correct": self._random.random() < 0.7,
                "answered_at": datetime.now(UTC),
            }
        )
        started = time.perf_counter()
        try:
            writer.write(HEAD % len(body) + body)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.failures[type(error).__name__] += 1
            return True
        self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - started)
        if head[9:10] == b"2":
            self.acknowledged.append(event_id)
        else:
            self.failures[head[9:12].decode()] += 1
        return b"connection: close" in head


async def restart_in_turns(servers: list[ServerProcess], balancer: Balancer, restarts: int) -> float:
    """Restart one process after the other; return the seconds of the slowest restart."""
    slowest = 0.0
    for number in range(restarts):
        server = servers[number % len(servers)]
        started = time.perf_counter()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        slowest = max(slowest, time.perf_counter() - started)
        while server.port not in balancer.ready:
            await asyncio.sleep(LOOK_EVERY_SECONDS / 4)
        print(f"\rrestart {number + 1}/{restarts}", end="", flush=True)
    print()
    return slowest


async def measure(servers: list[ServerProcess], options: argparse.Namespace) -> tuple[Senders, float]:
    items = [item["item_id"] for item in servers[0].get("/api/v1/items?limit=1000")["items"]]
    balancer = Balancer([server.port for server in servers])
    senders = Senders(items, balancer, pause_seconds=options.senders / options.rate)
    watching = asyncio.create_task(balancer.watch())
    sending = [asyncio.create_task(senders.run()) for _ in range(options.senders)]
    slowest = await restart_in_turns(servers, balancer, options.restarts)
    senders.is_over = True
    await asyncio.gather(*sending)
    watching.cancel()
    return senders, slowest


async def compared(database_url: str, run: Path) -> tuple[Counter[str], int]:
    """Return how often each answer is in the log, and how many states are not what a clean replay gives."""
    tracer = Tracer(Run.open(run))
    logged: Counter[str] = Counter()
    diverged = 0
    async with Store(database_url) as store, store.reading("default") as session:
        for summary in await session.students.page(limit=STUDENTS + 1):
            async for page in session.events.history(summary.student_id):
                logged.update(event.event_id for event in page)
            [stored] = (await session.students.load([summary.student_id])).values()
            replayed = await replayed_state(session, tracer, summary.student_id)
            diverged += not np.array_equal(stored.vector, replayed.vector)
    return logged, diverged


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--restarts", type=int, default=100)
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument("--rate", type=float, default=100.0, help="answers per second at most, all senders")
    parser.add_argument("--out", type=Path, default=Path("docs/results/rolling_restarts.json"))
    options = parser.parse_args()
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        open_database("postgresql", Path(folder)) as database_url,
    ):
        servers = [
            ServerProcess(
                database_url=database_url,
                run=options.run,
                log=Path(folder) / f"server-{number}.log",
                leaving_seconds=str(LEAVING_SECONDS),
            )
            for number in range(2)
        ]
        for server in servers:
            server.start()
        try:
            senders, slowest = asyncio.run(measure(servers, options))
        finally:
            for server in servers:
                server.stop()
        logged, diverged = asyncio.run(compared(database_url, options.run))
    lost = sum(logged[event_id] == 0 for event_id in senders.acknowledged)
    doubled = sum(count > 1 for count in logged.values())
    failed = senders.failures.total()
    write_result(
        options.out,
        {
            "machine": machine(),
            "database": "postgresql",
            "restarts": options.restarts,
            "requests": len(senders.acknowledged) + failed,
            "failed": failed,
            "failures_by_kind": dict(senders.failures),
            "lost": lost,
            "doubled": doubled,
            "diverged": diverged,
            "slowest_answer_seconds": round(senders.slowest_seconds, 2),
            "slowest_restart_seconds": round(slowest, 2),
            "seconds": round(time.perf_counter() - started, 1),
        },
    )
    sys.exit(1 if failed or lost or doubled or diverged else 0)


if __name__ == "__main__":
    main()
