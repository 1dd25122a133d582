"""Milliseconds of a look at a student whom this process does not remember, with and without the cache in Redis.

    python benchmarks/shared_states.py --run demo/runs/mingru --out docs/results/shared_states.json

Another process (here: another writer) has just stored each student. PostgreSQL and Redis of our own on this machine.
The three ways take turns at every student, so that other work on the machine falls on all of them.

- `database`: the mark, then a snapshot of the stored state
- `redis`: the mark, then one GET
- `remembered`: the mark alone

`write` is what a stored answer costs the process that puts its state there.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from databases import open_database
from server_process import write_result

from knowtrace.registry import Run
from knowtrace.service.metrics import Metrics
from knowtrace.service.state_cache import RedisStates, redis_states
from knowtrace.settings import Settings
from knowtrace.store import Mark, Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.answers import Answer
from knowtrace.tracing.followed import Followed
from knowtrace.tracing.intake import Intake
from knowtrace.tracing.sharing import Stand
from tests.service.processes import redis_server

SCHOOL, START = "school", datetime(2026, 3, 1, tzinfo=UTC)
LOG_KEY = "0123456789abcdef" * 2


class Reader:
    """Finds what is shared, and puts nothing there."""

    def __init__(self, states: RedisStates) -> None:
        self._states = states

    async def find(self, tenant_id: str, student_id: str, mark: Mark) -> Stand | None:
        return await self._states.find(tenant_id, student_id, mark)

    def offer(self, tenant_id: str, student_id: str, stand: Stand) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=Path("demo/runs/mingru"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/shared_states.json"))
    parser.add_argument("--students", type=int, default=500)
    parser.add_argument("--answers", type=int, default=40)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        open_database("postgresql", Path(name)) as database_url,
        redis_server(Path(name)) as server,
    ):
        settings = Settings(database_url=database_url, state_cache_url=server.url, log_key=LOG_KEY)
        report = asyncio.run(measure(Tracer(Run.open(given.run)), settings, given.students, given.answers))
    write_result(given.out, report)


async def measure(tracer: Tracer, settings: Settings, num_students: int, num_answers: int) -> dict[str, Any]:
    metrics = Metrics()
    states = redis_states(settings, metrics)
    assert states is not None
    students = [f"s{number}" for number in range(num_students)]
    async with Store(settings.database_url) as store, states:
        await store.migrate()
        writer = Followed(tracer, states)
        async with Intake(
            store, tracer, on_commit=lambda c: writer.hear(c.students, c.model_version)
        ) as intake:
            for student_id in students:
                await intake.submit(SCHOOL, answers_of(student_id, tracer, num_answers))
        await written(states)
        ways = {"database": Followed(tracer), "redis": Followed(tracer, Reader(states)), "remembered": writer}
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for student_id in students:
            for way, followed in ways.items():
                began, spent = time.perf_counter(), time.process_time()
                await followed.look(store, SCHOOL, student_id)
                taken[way].append((time.perf_counter() - began, time.process_time() - spent))
        hits = metrics.registry.get_sample_value(
            "ml_cache_operations_total", {"cache": "shared_state", "operation": "hit"}
        )
        assert hits == num_students, f"{hits} of {num_students} were found"
        spent = time.process_time()
        for (tenant_id, student_id), stand in writer._kept.items():
            states.offer(tenant_id, student_id, stand)
        await written(states)
        each = (time.process_time() - spent) / num_students
    return {
        "model": tracer.version,
        "num_students": num_students,
        "state_bytes": tracer.start().vector.nbytes,
        "milliseconds": {way: summary([wall for wall, _ in values]) for way, values in taken.items()},
        "cpu_milliseconds": {way: summary([cpu for _, cpu in values]) for way, values in taken.items()},
        "write_cpu_microseconds": round(each * 1e6, 1),
    }


async def written(states: RedisStates) -> None:
    while states._waiting or states._turn.locked():
        await asyncio.sleep(0.01)


def answers_of(student_id: str, tracer: Tracer, num_answers: int) -> list[Answer]:
    items = tracer.vocabulary.items
    return [
        Answer(
            event_id=f"{student_id}-{number}",
            student_id=student_id,
            item_id=items[(number * 7) % len(items)].item_id,
            answered_at=START + timedelta(minutes=number),
            correct=number % 3 != 0,
        )
        for number in range(num_answers)
    ]


def summary(seconds: list[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.percentile(seconds, q)) * 1e3, 3) for q in (50, 95)}


if __name__ == "__main__":
    main()
