"""A queue on every database that is there, a clock that stands still, and requests that are easy to compute."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from knowtrace.jobs import Leases, Result, Worker, submit
from knowtrace.store import JobPriority, Store, StoredJob
from tests.store.conftest import database_url, postgres_store, store

__all__ = ["Clock", "Shop", "database_url", "postgres_store", "store"]

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Shop:
    """Workers on one store that double numbers, and write down what they were asked."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.leases = Leases(store=store, seconds=60, now=self.clock)
        self.computed: list[tuple[str, int]] = []
        self.seen: list[Any] = []
        self.ended: list[tuple[str, str, float]] = []

    def queue_seen(self, waiting: Sequence[Any]) -> None:
        self.seen.append(list(waiting))

    def job_ended(self, kind: str, status: str, seconds: float) -> None:
        self.ended.append((kind, status, seconds))

    async def double(self, tenant_id: str, bodies: Sequence[dict[str, Any]]) -> list[Result]:
        self.computed += [(tenant_id, body["n"]) for body in bodies]
        return [Result({"doubled": 2 * body["n"]}, is_error=body["n"] < 0) for body in bodies]

    def worker(self, compute: Any = None) -> Worker:
        return Worker(self.store, self.leases, {"double": compute or self.double}, self)

    async def submit(
        self,
        numbers: Sequence[int],
        tenant_id: str = "north",
        priority: JobPriority = JobPriority.NORMAL,
        callback_url: str | None = None,
        max_unfinished: int = 1_000,
    ) -> str:
        job = await submit(
            self.store,
            tenant_id,
            [{"n": number} for number in numbers],
            kind="double",
            priority=priority,
            callback_url=callback_url,
            created_by="test",
            now=self.clock(),
            max_unfinished=max_unfinished,
        )
        return job.job_id

    async def job(self, job_id: str, tenant_id: str = "north") -> StoredJob:
        async with self.store.reading(tenant_id) as session:
            found = await session.jobs.find(job_id)
        assert found is not None
        return found

    async def results(self, job_id: str, tenant_id: str = "north") -> list[int]:
        async with self.store.reading(tenant_id) as session:
            found = await session.jobs.results(job_id, start=0, limit=100_000)
        assert [number for number, _ in found] == list(range(len(found)))
        return [body["doubled"] for _, body in found]


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)
