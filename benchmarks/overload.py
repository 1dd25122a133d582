"""How many mixed requests the real server answers in time and at all, and what it does when five times as many come.

    python benchmarks/overload.py --run demo/runs/mingru --database postgresql

Of ten requests five send an answer, three ask for mastery, one for predictions of five items, one for a recommendation.
All are sent at a fixed rate, and a latency counts from the moment a request was due.

    saturation   the rate is raised step by step until p95 is beyond twice the limit or a request is refused: the
                 highest at which p95 is within the limit and every request is answered with 200
    held         --hold-rate, or the rate of the saturation, for --hold-seconds
    capacity     answered per second when 64 clients send as fast as they are answered
    overload     five times the capacity, for some seconds: which statuses, and how soon those that get in are answered
    recovery     the rate of the saturation, at once after it: seconds until two in which 95 % are answered within the
                 limit, which at that rate they only just are, and within twice the limit

The generator and the database share the machine with the server.
"""

import argparse
import asyncio
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
from generator import Client, Done, Load, closed, latencies, open_model
from server_process import ServerProcess, machine, write_result

CLIENTS = 512
CLIENTS_OF_CAPACITY = 64
TIMES_OVERLOADED = 5
RECOVERED_SHARE = 0.95
BIN_SECONDS = 0.5
RECOVERED_WITHIN = 2.0


def mixed(server: ServerProcess, num_students: int) -> Iterator[bytes]:
    """Yield requests about the items of a server, without end."""
    listed = server.get("/api/v1/items?limit=1000")["items"]
    items = [item["item_id"] for item in listed]
    skills = sorted({skill_id for item in listed for skill_id in item["skill_ids"]})
    random = np.random.default_rng(2)
    count = 0
    while True:
        count += 1
        student_id = f"student-{random.integers(num_students)}"
        kind = random.random()
        if kind < 0.5:
            yield post(
                "/api/v1/events",
                event_id=f"mixed-{count}",
                student_id=student_id,
                item_id=items[random.integers(len(items))],
                correct=bool(random.random() < 0.7),
                answered_at=datetime.now(UTC),
            )
        elif kind < 0.8:
            yield b"GET /api/v1/mastery/%s HTTP/1.1\r\nhost: x\r\n\r\n" % student_id.encode()
        elif kind < 0.9:
            chosen = [items[n] for n in random.integers(len(items), size=5)]
            yield post("/api/v1/predict", student_id=student_id, candidate_items=list(dict.fromkeys(chosen)))
        else:
            yield post(
                "/api/v1/recommendations",
                student_id=student_id,
                skill=skills[random.integers(len(skills))],
                max_items=3,
            )


def post(path: str, **content: Any) -> bytes:
    body = orjson.dumps(content)
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Tester:
    """One server under one load after the other."""

    def __init__(self, clients: list[Client], requests: Iterator[bytes]) -> None:
        self._clients = clients
        self._requests = requests

    async def at(self, rate: float, seconds: float) -> tuple[list[Done], dict[str, Any]]:
        """Send at a rate; return what was answered, and a summary of it."""
        load = Load(self._requests)
        begun = time.perf_counter()
        never_sent = await open_model(load, self._clients, begun + seconds, rate)
        answered = [done for done in load.done if done.status < 300]
        return load.done, {
            "rate": rate,
            "seconds": seconds,
            "answered_per_second": round(len(answered) / (time.perf_counter() - begun), 1),
            "statuses": load.statuses(),
            "never_sent": never_sent,
            "connection_failures": load.failures,
            "latency_ms": latencies(answered) if answered else None,
            "latency_ms_of_refusals": latencies(r)
            if (r := [d for d in load.done if d.status >= 300])
            else None,
        }

    async def capacity(self, seconds: float) -> float:
        """Return how many are answered per second when each client sends again as soon as it is answered."""
        load = Load(self._requests)
        begun = time.perf_counter()
        await closed(load, self._clients[:CLIENTS_OF_CAPACITY], begun + seconds)
        return round(sum(done.status < 300 for done in load.done) / (time.perf_counter() - begun), 1)


def is_in_time(found: dict[str, Any], limit_ms: float) -> bool:
    return (
        list(found["statuses"]) == ["200"]
        and not found["never_sent"]
        and not found["connection_failures"]
        and found["latency_ms"]["p95"] <= limit_ms
    )


def seconds_to_recover(done: list[Done], limit_ms: float) -> float | None:
    """Return when two seconds begin in which 95 % were answered in time; None: they did not come."""
    begun = min(one.due for one in done)
    until = max(one.due for one in done) - begun - RECOVERED_WITHIN
    for start in np.arange(0, until, BIN_SECONDS).tolist():
        window = [one for one in done if start <= one.due - begun < start + RECOVERED_WITHIN]
        good = [one.status < 300 and one.milliseconds <= limit_ms for one in window]
        if np.mean(good) >= RECOVERED_SHARE:
            return start
    return None


async def measure(server: ServerProcess, options: argparse.Namespace) -> dict[str, Any]:
    tester = Tester([Client(server.port) for _ in range(CLIENTS)], mixed(server, options.students))
    await tester.at(options.first, options.step_seconds)
    steps: list[dict[str, Any]] = []
    rate, saturation = options.first, None
    while rate <= options.most:
        _, found = await tester.at(rate, options.step_seconds)
        steps.append(found)
        print(f"{rate:.0f}/s: {found['statuses']}, {found['latency_ms']}", flush=True)
        if is_in_time(found, options.limit_ms):
            saturation = rate
        # Not at the first one that is late: where little is asked, each request wakes a processor that has gone idle.
        elif not is_in_time(found, 2 * options.limit_ms):
            break
        rate *= options.factor
    usual = saturation or options.first
    held = None
    if options.hold_seconds:
        _, held = await tester.at(options.hold_rate or usual, options.hold_seconds)
    capacity = await tester.capacity(options.step_seconds)
    await asyncio.sleep(2)
    _, overloaded = await tester.at(TIMES_OVERLOADED * capacity, options.overload_seconds)
    after, recovered = await tester.at(usual, options.step_seconds)
    return {
        "saturation_per_second": saturation,
        "capacity_per_second": capacity,
        "steps": steps,
        "held": held,
        "overload": overloaded,
        "after": recovered,
        "recovery_seconds": seconds_to_recover(after, options.limit_ms),
        "recovery_seconds_within_twice": seconds_to_recover(after, 2 * options.limit_ms),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder to serve")
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--first", type=float, default=50.0, help="requests per second of the first step")
    parser.add_argument("--factor", type=float, default=1.25, help="from one step to the next")
    parser.add_argument("--most", type=float, default=2_000.0)
    parser.add_argument("--limit-ms", type=float, default=20.0, help="what p95 must keep")
    parser.add_argument("--step-seconds", type=float, default=15.0)
    parser.add_argument("--hold-seconds", type=float, default=0.0, help="0 leaves it out")
    parser.add_argument(
        "--hold-rate", type=float, help="requests per second; left out: those of the saturation"
    )
    parser.add_argument("--overload-seconds", type=float, default=20.0)
    parser.add_argument("--students", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=Path("docs/results/overload.json"))
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
        model_version = server.get("/ready")["model_version"]
        measured = uvloop.run(measure(server, options))
    write_result(
        options.out,
        {
            "machine_at_start": before,
            "database": options.database,
            "model_version": model_version,
            "limit_ms": options.limit_ms,
            **measured,
        },
    )


if __name__ == "__main__":
    main()
