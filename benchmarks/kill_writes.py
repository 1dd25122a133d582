"""kill -9 the real server under write load, again and again: is any acknowledged answer lost, or applied
twice?

    python benchmarks/kill_writes.py --run runs/latest --cycles 200
    python benchmarks/kill_writes.py --run runs/latest --cycles 200 --database postgresql

Each cycle: senders post new answers, some late, some again and again, correct some and withdraw some, and write down
whatever was acknowledged; at a random moment the server dies; it starts again on the same database. Then the journal
is compared with the database:

    lost           acknowledged and not in the log, or not as it was last acknowledged to be
    applied twice  in the log more than once, or a student whose num_answers is not the number of their events
    diverged       a student whose state is not, bit for bit, what a clean replay of the log gives

Killing a process cannot show what a power cut does: for that the database is opened with synchronous=FULL.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from databases import DATABASES, open_database
from forked_process import ForkedProcess
from server_process import ServerProcess, machine, write_result

from knowtrace.registry import Run
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.states import replayed_state

HEAD = b"%s %s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
SENDERS = 16
STUDENTS = 40


@dataclass(frozen=True, slots=True)
class Sending:
    """One request: an answer posted, corrected or withdrawn."""

    method: str
    event: dict[str, Any]

    def request(self) -> bytes:
        event_id = self.event["event_id"]
        path = "/api/v1/events" + ("" if self.method == "POST" else f"/{event_id}")
        content = self.event
        if self.method == "PUT":
            content = {name: value for name, value in self.event.items() if name != "event_id"}
        body = b"" if self.method == "DELETE" else orjson.dumps(content)
        return HEAD % (self.method.encode(), path.encode(), len(body)) + body


class Journal:
    """What the senders know: what they sent, and what was acknowledged."""

    def __init__(self, items: list[str]) -> None:
        self._items = items
        self._random = random.Random(7)
        self._start = datetime.now(UTC) - timedelta(days=1)
        self._count = 0
        self._unanswered: list[Sending] = []
        self._settled: list[dict[str, Any]] = []
        self.num_acknowledged: Counter[str] = Counter()
        self.expected: dict[str, int | None] = {}
        """The response of each acknowledged answer, None where it was withdrawn; one under way stands aside."""

    def next(self) -> Sending:
        """Return something to send: a new answer, a revision of one, or what was never acknowledged, once more."""
        chance = self._random.random()
        if self._unanswered and chance < 0.2:
            return self._unanswered.pop()
        if self._settled and chance < 0.3:
            event = self._settled.pop(self._random.randrange(len(self._settled)))
            self.expected.pop(event["event_id"])
            if chance < 0.25:
                return Sending("DELETE", event)
            return Sending("PUT", {**event, "correct": not event["correct"]})
        return Sending("POST", self._new())

    def _new(self) -> dict[str, Any]:
        self._count += 1
        late = timedelta(seconds=self._random.choice([0, 0, 0, 30]))
        return {
            "event_id": f"event-{self._count}",
            "student_id": f"student-{self._random.randrange(STUDENTS)}",
            "item_id": self._random.choice(self._items),
            "correct": self._random.random() < 0.7,
            "answered_at": (self._start + timedelta(seconds=self._count) - late).isoformat(),
        }

    def acknowledge(self, sending: Sending) -> None:
        event = sending.event
        self.num_acknowledged[sending.method] += 1
        self.expected[event["event_id"]] = None if sending.method == "DELETE" else int(event["correct"])
        if sending.method != "DELETE":
            self._settled.append(event)

    def keep(self, sending: Sending) -> None:
        self._unanswered.append(sending)


async def send(port: int, journal: Journal) -> None:
    """Post one answer after the other until the connection breaks."""
    sending: Sending | None = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            sending = journal.next()
            writer.write(sending.request())
            headers = await reader.readuntil(b"\r\n\r\n")
            length = int(headers.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            status = int(headers[9:12])
            if status != 200:
                raise RuntimeError(f"{status} for {sending.method} {sending.event['event_id']}")
            journal.acknowledge(sending)
            sending = None
    except (ConnectionError, asyncio.IncompleteReadError):
        if sending is not None:
            journal.keep(sending)


async def load_until_killed(server: ServerProcess, journal: Journal, seconds: float) -> None:
    senders = [asyncio.create_task(send(server.port, journal)) for _ in range(SENDERS)]
    await asyncio.sleep(seconds)
    server.kill()
    await asyncio.gather(*senders)


async def check(database_url: str, run: Path, journal: Journal) -> dict[str, int]:
    """Compare the journal with the database, and every state with a clean replay."""
    tracer = Tracer(Run.open(run))
    logged: Counter[str] = Counter()
    responses: dict[str, int] = {}
    twice = diverged = 0
    async with Store(database_url) as store, store.reading("default") as session:
        for summary in await session.students.page(limit=STUDENTS + 1):
            student_id = summary.student_id
            events = [event async for page in session.events.history(student_id) for event in page]
            logged.update(event.event_id for event in events)
            responses |= {event.event_id: event.interaction.response for event in events}
            twice += summary.num_answers != len(events)
            [stored] = (await session.students.load([student_id])).values()
            replayed = await replayed_state(session, tracer, student_id)
            diverged += not np.array_equal(stored.vector, replayed.vector)
    return {
        **{f"acknowledged_{method.lower()}": n for method, n in journal.num_acknowledged.items()},
        "stored": len(logged),
        "lost": sum(responses.get(event_id) != value for event_id, value in journal.expected.items()),
        "applied_twice": twice + sum(count > 1 for count in logged.values()),
        "diverged": diverged,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--longest-seconds", type=float, default=1.0, help="of load before a kill")
    parser.add_argument("--out", type=Path, default=Path("docs/results/kill_writes.json"))
    options = parser.parse_args()
    moments = random.Random(11)
    started = time.perf_counter()
    slowest_start = 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        open_database(options.database, Path(folder)) as database_url,
    ):
        server = ServerProcess(
            database_url=database_url,
            run=options.run.absolute(),
            log=Path(folder) / "server.log",
            launch=ForkedProcess,
        )
        server.start()
        journal = Journal([item["item_id"] for item in server.get("/api/v1/items?limit=1000")["items"]])
        for cycle in range(1, options.cycles + 1):
            seconds = moments.uniform(0.05, options.longest_seconds)
            asyncio.run(load_until_killed(server, journal, seconds))
            slowest_start = max(slowest_start, server.start())
            print(
                f"\rcycle {cycle}/{options.cycles}, {journal.num_acknowledged.total()} acknowledged",
                end="",
                flush=True,
            )
        server.stop()
        print()
        found = asyncio.run(check(database_url, options.run, journal))
    failures = found["lost"] + found["applied_twice"] + found["diverged"]
    write_result(
        options.out,
        {
            "machine": machine(),
            "database": options.database,
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
