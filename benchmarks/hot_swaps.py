"""Swap models while students answer: does any request fail, or mix two models?

    python benchmarks/hot_swaps.py --models demo/runs --first mingru --second best-lr --swaps 200

Readers ask for the same prediction over and over, and senders post new answers, while a third party activates one
model and rolls back to the other. Each prediction must be, to the last bit, what the version it names says when nothing
is swapped; a rollback must be seen by the next request.
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

import httpx
import numpy as np
from databases import DATABASES, open_database
from server_process import ServerProcess, machine, write_result

from knowtrace.registry import Run

READERS, SENDERS = 4, 4


class Load:
    """Readers and senders, and what they met."""

    def __init__(self, client: httpx.AsyncClient, asked: dict[str, Any], items: list[str]) -> None:
        self.client = client
        self.asked = asked
        self.items = items
        self.expected: dict[str, Any] = {}
        self.statuses: Counter[int] = Counter()
        self.by_version: Counter[str] = Counter()
        self.mixed = 0
        self.degraded = 0
        self.is_over = False

    async def read(self) -> None:
        while not self.is_over:
            answer = await self.client.post("/api/v1/predict", json=self.asked)
            self.statuses[answer.status_code] += 1
            if answer.status_code != 200:
                continue
            body = answer.json()
            self.by_version[body["model_version"]] += 1
            self.degraded += body["degraded"]
            self.mixed += body["predictions"] != self.expected[body["model_version"]]

    async def send(self, number: int) -> None:
        rng, start, count = random.Random(number), datetime.now(UTC) - timedelta(days=1), 0
        while not self.is_over:
            count += 1
            event = {
                "event_id": f"{number}-{count}",
                "student_id": f"student-{number}-{count % 5}",
                "item_id": rng.choice(self.items),
                "correct": rng.random() < 0.7,
                "answered_at": (start + timedelta(seconds=count)).isoformat(),
            }
            answer = await self.client.post("/api/v1/events", json=event)
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                self.degraded += answer.json()["degraded"]


async def swap(server: ServerProcess, versions: list[str], swaps: int) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=READERS + SENDERS + 1)
    async with httpx.AsyncClient(base_url=server.url, timeout=30, limits=limits) as client:
        items = [item["item_id"] for item in (await client.get("/api/v1/items?limit=50")).json()["items"]]
        history = [
            {"item_id": item_id, "correct": n % 2 == 0, "timestamp": f"2026-03-01T10:{n:02d}:00Z"}
            for n, item_id in enumerate(items[:20])
        ]
        load = Load(client, {"student_id": "x", "attempt_history": history, "candidate_items": items}, items)
        names = {version: version.rpartition("-")[0] for version in versions}
        for version in versions:
            (
                await client.post(f"/api/v1/models/{names[version]}/load", json={"version": version})
            ).raise_for_status()
            answer = await client.post("/api/v1/predict", json={**load.asked, "model_version": version})
            load.expected[version] = answer.json()["predictions"]
        tasks = [asyncio.create_task(load.read()) for _ in range(READERS)]
        tasks += [asyncio.create_task(load.send(number)) for number in range(SENDERS)]
        seconds: list[float] = []
        unseen = 0
        for number in range(swaps):
            began = time.perf_counter()
            wanted = versions[(number + 1) % 2]
            if number % 2:
                done = await client.post("/api/v1/models/rollback")
            else:
                done = await client.post(f"/api/v1/models/{names[wanted]}/activate", json={"version": wanted})
            done.raise_for_status()
            seconds.append(time.perf_counter() - began)
            answer = await client.post("/api/v1/predict", json=load.asked)
            unseen += answer.json()["model_version"] != wanted
            await asyncio.sleep(0.02)
        load.is_over = True
        await asyncio.gather(*tasks)
    return {
        "swaps": swaps,
        "requests": load.statuses.total(),
        "statuses": {str(status): count for status, count in load.statuses.items()},
        "predictions_by_version": dict(load.by_version),
        "failed": load.statuses.total() - load.statuses[200],
        "mixed": load.mixed,
        "degraded": load.degraded,
        "swaps_not_seen_by_the_next_request": unseen,
        "swap_seconds": {f"p{q}": round(float(np.percentile(seconds, q)), 3) for q in (50, 95, 100)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, required=True, help="a folder that holds both runs")
    parser.add_argument("--first", required=True)
    parser.add_argument("--second", required=True)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--out", type=Path, default=Path("docs/results/hot_swaps.json"))
    options = parser.parse_args()
    runs = [options.models / options.first, options.models / options.second]
    versions = [Run.open(run).version for run in runs]
    with (
        tempfile.TemporaryDirectory() as folder,
        open_database(options.database, Path(folder)) as database_url,
        ServerProcess(database_url=database_url, run=runs[0], log=Path(folder) / "server.log") as server,
    ):
        found = asyncio.run(swap(server, versions, options.swaps))
    failures = found["failed"] + found["mixed"] + found["degraded"]
    failures += found["swaps_not_seen_by_the_next_request"]
    write_result(
        options.out,
        {
            "machine": machine(),
            "database": options.database,
            **found,
            "failures": failures,
        },
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
