"""kill -9 the real server under write load, again and again: is any acknowledged answer lost, or applied
twice?

    python benchmarks/kill_writes.py --run runs/latest --cycles 200

Each cycle: senders post new answers, some late, some again and again, and write down every id that was
acknowledged; at a random moment the server dies; it starts again on the same files. Then the journal is
compared with the database:

    lost           acknowledged and not in the log
    applied twice  in the log more than once, or a student whose num_answers is not the number of their events
    diverged       a student whose state is not, bit for bit, what a clean replay of the log gives

Killing a process cannot show what a power cut does: for that the database is opened with synchronous=FULL.
"""

import argparse
import asyncio
import random
import shlex
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from server_process import ServerProcess, machine, write_result

from knowtrace.registry import Run
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.states import replayed_state

HEAD = (
    b"POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)
SENDERS = 16
STUDENTS = 40


class Journal:
    """What the senders know: what they sent, and what was acknowledged."""

    def __init__(self, items: list[str]) -> None:
        self._items = items
        self._random = random.Random(7)
        self._start = datetime.now(UTC) - timedelta(days=1)
        self._count = 0
        self._unanswered: list[dict[str, Any]] = []
        self.acknowledged: Counter[str] = Counter()

    def next_event(self) -> dict[str, Any]:
        """Return a new answer, or one whose acknowledgement never came: a client would send it again."""
        if self._unanswered and self._random.random() < 0.2:
            return self._unanswered.pop()
        self._count += 1
        late = timedelta(seconds=self._random.choice([0, 0, 0, 30]))
        return {
            "event_id": f"event-{self._count}",
            "student_id": f"student-{self._random.randrange(STUDENTS)}",
            "item_id": self._random.choice(self._items),
            "correct": self._random.random() < 0.7,
            "answered_at": (self._start + timedelta(seconds=self._count) - late).isoformat(),
        }

    def keep(self, event: dict[str, Any]) -> None:
        self._unanswered.append(event)


async def send(port: int, journal: Journal) -> None:
    """Post one answer after the other until the connection breaks."""
    event: dict[str, Any] = {}
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            event = journal.next_event()
            body = orjson.dumps(event)
            writer.write(HEAD % len(body) + body)
            headers = await reader.readuntil(b"\r\n\r\n")
            length = int(headers.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            status = int(headers[9:12])
            if status == 200:
                journal.acknowledged[event["event_id"]] += 1
            else:
                raise RuntimeError(f"{status} for {event['event_id']}")
            event = {}
    except (ConnectionError, asyncio.IncompleteReadError):
        if event:
            journal.keep(event)


async def load_until_killed(server: ServerProcess, journal: Journal, seconds: float) -> None:
    senders = [asyncio.create_task(send(server.port, journal)) for _ in range(SENDERS)]
    await asyncio.sleep(seconds)
    server.kill()
    await asyncio.gather(*senders)


async def check(database: Path, run: Path, journal: Journal) -> dict[str, int]:
    """Compare the journal with the database, and every state with a clean replay."""
    tracer = Tracer(Run.open(run))
    logged: Counter[str] = Counter()
    twice = diverged = 0
    async with Store(f"sqlite+aiosqlite:///{database}") as store, store.reading("default") as session:
        for summary in await session.students.page(limit=STUDENTS + 1):
            student_id = summary.student_id
            ids = [e.event_id async for page in session.events.history(student_id) for e in page]
            logged.update(ids)
            twice += summary.num_answers != len(ids)
            [stored] = (await session.students.load([student_id])).values()
            replayed = await replayed_state(session, tracer, student_id)
            diverged += not np.array_equal(stored.vector, replayed.vector)
    return {
        "acknowledged": len(journal.acknowledged),
        "stored": len(logged),
        "lost": len(set(journal.acknowledged) - set(logged)),
        "applied_twice": twice + sum(count > 1 for count in logged.values()),
        "diverged": diverged,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--longest-seconds", type=float, default=1.0, help="of load before a kill")
    parser.add_argument("--out", type=Path, default=Path("docs/results/kill_writes.json"))
    options = parser.parse_args()
    moments = random.Random(11)
    started = time.perf_counter()
    slowest_start = 0.0
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "kill.db"
        server = ServerProcess(database=database, run=options.run, log=Path(folder) / "server.log")
        server.start()
        journal = Journal([item["item_id"] for item in server.get("/api/v1/items?limit=1000")["items"]])
        for cycle in range(1, options.cycles + 1):
            seconds = moments.uniform(0.05, options.longest_seconds)
            asyncio.run(load_until_killed(server, journal, seconds))
            slowest_start = max(slowest_start, server.start())
            print(
                f"\rcycle {cycle}/{options.cycles}, {len(journal.acknowledged)} acknowledged",
                end="",
                flush=True,
            )
        server.stop()
        print()
        found = asyncio.run(check(database, options.run, journal))
    failures = found["lost"] + found["applied_twice"] + found["diverged"]
    write_result(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "kills": options.cycles,
            **found,
            "failures": failures,
            "bound_95_per_kill": None
            if failures
            else f"{3 / options.cycles:.2%} (3/N, N = {options.cycles})",
            "slowest_start_seconds": round(slowest_start, 2),
            "seconds": round(time.perf_counter() - started, 1),
        },
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
