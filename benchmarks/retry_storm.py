"""A retry storm: every answer sent one to ten times, shuffled, by 32 senders. Is the outcome that of one clean sending?

    python benchmarks/retry_storm.py --run runs/latest --sends 100000

Answers of one student come in any order, most of them late, all of them repeated; single ones and batches are mixed.
Afterwards a second, empty service is sent every answer once, in order. Then both databases are compared:

    lost, doubled      answers that are not in the log once
    diverged           students whose state or mastery rows differ, bit for bit
    not acknowledged   sendings that got no 200
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from databases import DATABASES, open_database
from server_process import ServerProcess, machine, write_result

from knowtrace.store import Store

SENDERS = 32
MOST_COPIES = 10
ANSWERS_PER_STUDENT = 20
LARGEST_BATCH = 20
HEAD = (
    b"POST /api/v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)

Answer = dict[str, Any]


def answers_of(sends: int, items: list[str], rng: random.Random) -> list[Answer]:
    """Return answers of which `sends` copies will be sent, 5.5 of each on average."""
    start = datetime.now(UTC) - timedelta(days=30)
    count = round(sends / ((1 + MOST_COPIES) / 2))
    return [
        {
            "event_id": f"storm-{number}",
            "student_id": f"student-{number // ANSWERS_PER_STUDENT}",
            "item_id": rng.choice(items),
            "correct": rng.random() < 0.7,
            "answered_at": (start + timedelta(minutes=number)).isoformat(),
        }
        for number in range(count)
    ]


def calls_of(copies: list[Answer], rng: random.Random) -> list[bytes]:
    """Return request bodies: nine of ten calls carry one answer, the others up to twenty."""
    calls: list[bytes] = []
    position = 0
    while position < len(copies):
        size = 1 if rng.random() < 0.9 else rng.randint(2, LARGEST_BATCH)
        part = copies[position : position + size]
        calls.append(orjson.dumps(part[0] if size == 1 else part))
        position += size
    return calls


async def send_all(port: int, calls: list[bytes], senders: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    waiting = iter(calls)

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            writer.write(HEAD % len(body) + body)
            headers = await reader.readuntil(b"\r\n\r\n")
            length = int(headers.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            statuses[int(headers[9:12])] += 1
        writer.close()

    await asyncio.gather(*(send() for _ in range(senders)))
    return statuses


async def contents(database_url: str) -> tuple[Counter[str], dict[str, tuple[bytes, int, list[Any]]]]:
    """Return how often each answer is in the log, and each student's state and mastery."""
    logged: Counter[str] = Counter()
    students: dict[str, tuple[bytes, int, list[Any]]] = {}
    async with Store(database_url) as store, store.reading("default") as session:
        after = ""
        while page := await session.students.page(limit=1_000, after=after):
            after = page[-1].student_id
            for student_id, stored in (await session.students.load([s.student_id for s in page])).items():
                async for events in session.events.history(student_id):
                    logged.update(event.event_id for event in events)
                mastery = sorted(await session.students.masteries(student_id))
                students[student_id] = (stored.vector.tobytes(), stored.num_answers, mastery)
    return logged, students


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--sends", type=int, default=100_000)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--out", type=Path, default=Path("docs/results/retry_storm.json"))
    options = parser.parse_args()
    rng = random.Random(5)
    started = time.perf_counter()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as a user of its own
        for name in ("storm", "clean"):
            here = Path(folder) / name
            here.mkdir()
            with open_database(options.database, here) as database_url:
                with ServerProcess(
                    database_url=database_url, run=options.run, log=here / "server.log"
                ) as server:
                    if name == "storm":
                        items = [i["item_id"] for i in server.get("/api/v1/items?limit=1000")["items"]]
                        answers = answers_of(options.sends, items, rng)
                        copies = [a for a in answers for _ in range(rng.randint(1, MOST_COPIES))]
                        rng.shuffle(copies)
                        calls, senders = calls_of(copies, rng), SENDERS
                    else:
                        parts = [answers[n : n + 500] for n in range(0, len(answers), 500)]
                        calls, senders = [orjson.dumps(part) for part in parts], 1
                    statuses = asyncio.run(send_all(server.port, calls, senders))
                    not_acknowledged = sum(n for status, n in statuses.items() if status != 200)
                found.append((asyncio.run(contents(database_url)), not_acknowledged, len(calls)))
    ((logged, stormed), refused, num_calls), ((clean_log, clean), _, _) = found
    lost = sum(logged[answer["event_id"]] == 0 for answer in answers)
    doubled = sum(count > 1 for count in logged.values())
    diverged = sum(stormed.get(student_id) != state for student_id, state in clean.items())
    failures = lost + doubled + diverged + refused + (len(clean_log) != len(answers))
    write_result(
        options.out,
        {
            "machine": machine(),
            "database": options.database,
            "answers": len(answers),
            "sends": len(copies),
            "calls": num_calls,
            "senders": SENDERS,
            "students": len(clean),
            "not_acknowledged": refused,
            "lost": lost,
            "doubled": doubled,
            "diverged": diverged,
            "failures": failures,
            "seconds": round(time.perf_counter() - started, 1),
        },
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
