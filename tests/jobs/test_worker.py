"""Each part of each job is done once, whoever stops in the middle; turns go round and nothing starves."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from knowtrace.errors import NotFoundError, TooManyError, UnavailableError
from knowtrace.jobs import Crew, Drain, Result, cancel
from knowtrace.jobs.submitting import PART
from knowtrace.jobs.turns import HEAD_START_SECONDS
from knowtrace.jobs.worker import MOST_ATTEMPTS
from knowtrace.store import Errand, JobPriority, JobStatus, Store
from tests.jobs.conftest import Shop

HIGH, NORMAL, LOW = JobPriority.HIGH, JobPriority.NORMAL, JobPriority.LOW


async def test_a_job_is_done_part_by_part(shop: Shop) -> None:
    job_id = await shop.submit([*range(2 * PART), -1])
    worker = shop.worker()
    assert (await shop.job(job_id)).status is JobStatus.QUEUED
    assert await worker.take_turn()
    half = await shop.job(job_id)
    assert (half.status, half.num_done, half.num_items) == (JobStatus.PROCESSING, PART, 2 * PART + 1)
    shop.clock.advance(7)
    assert await worker.take_turn()
    assert await worker.take_turn()
    done = await shop.job(job_id)
    assert (done.status, done.num_done, done.num_failed) == (JobStatus.COMPLETED, 2 * PART + 1, 1)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert (done.finished_at - done.started_at).total_seconds() == 7
    assert await shop.results(job_id) == [2 * n for n in [*range(2 * PART), -1]]
    assert not await worker.take_turn()
    assert shop.ended == [("double", "completed", 7.0)]
    assert await shop.store.waiting(shop.clock()) == []


async def test_two_workers_do_two_hundred_jobs_once_each(shop: Shop) -> None:
    """Each on a store of its own, as two processes would be."""
    ids = [await shop.submit([n], tenant_id="north" if n % 2 else "south") for n in range(200)]
    url = shop.store._engine.url.render_as_string(hide_password=False)
    async with Store(url) as one, Store(url) as other:
        first, second = Shop(one), Shop(other)

        async def work(place: Shop) -> None:
            worker = place.worker()
            while await worker.take_turn():
                pass

        await asyncio.gather(work(first), work(second))
    done = first.computed + second.computed
    assert sorted(n for _, n in done) == list(range(200))
    assert first.computed, "the first worker had nothing to do"
    assert second.computed, "the second worker had nothing to do"
    for n, job_id in enumerate(ids):
        tenant_id = "north" if n % 2 else "south"
        assert (await shop.job(job_id, tenant_id)).status is JobStatus.COMPLETED
        assert await shop.results(job_id, tenant_id) == [2 * n]


async def test_a_worker_that_dies_is_replaced_where_it_stood(shop: Shop) -> None:
    job_id = await shop.submit(range(3 * PART))
    computing = asyncio.Event()

    async def hang(*_: object) -> list[Result]:
        computing.set()
        await asyncio.Event().wait()
        return []

    assert await shop.worker().take_turn()
    dying = asyncio.create_task(shop.worker(hang).take_turn())
    await computing.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert not await shop.worker().take_turn(), "its lease has not ended"
    shop.clock.advance(61)
    while await shop.worker().take_turn():
        pass
    assert [n for _, n in shop.computed] == list(range(3 * PART)), "no part was done twice"
    assert await shop.results(job_id) == [2 * n for n in range(3 * PART)]


async def test_what_a_silent_worker_brings_too_late_is_thrown_away(shop: Shop) -> None:
    job_id = await shop.submit(range(2 * PART))

    async def slow(tenant_id: str, bodies: Sequence[dict[str, Any]]) -> list[Result]:
        shop.clock.advance(61)  # its lease ends, and another takes the job up
        assert await shop.worker().take_turn()
        return [Result({"doubled": -1}) for _ in bodies]

    assert await shop.worker(slow).take_turn()
    assert (await shop.job(job_id)).num_done == PART
    assert await shop.worker().take_turn()
    assert await shop.results(job_id) == [2 * n for n in range(2 * PART)]


async def test_a_lease_is_renewed_while_a_part_takes_long(shop: Shop) -> None:
    await shop.submit([1])
    quick = type(shop.leases)(store=shop.store, seconds=0.06, now=shop.clock)
    shop.leases = quick

    async def slow(tenant_id: str, bodies: Sequence[dict[str, Any]]) -> list[Result]:
        for _ in range(4):
            shop.clock.advance(0.04)
            await asyncio.sleep(0.05)
            assert not await shop.worker().take_turn()
        return await shop.double(tenant_id, bodies)

    assert await shop.worker(slow).take_turn()
    assert len(shop.computed) == 1


async def test_a_part_that_fails_is_tried_again_later_and_the_job_ends_at_last(shop: Shop) -> None:
    job_id = await shop.submit(range(PART + 1))
    worker = shop.worker()
    assert await worker.take_turn()

    async def broken(*_: object) -> list[Result]:
        raise RuntimeError("no such model")

    failing = shop.worker(broken)
    for attempt in range(MOST_ATTEMPTS):
        assert await failing.take_turn()
        assert not await failing.take_turn(), "it waits before the next try"
        shop.clock.advance(2**attempt)
    failed = await shop.job(job_id)
    assert failed.status is JobStatus.FAILED
    assert failed.error_message == (
        "Requests 20 to 20 were not computed, for the first of them failed 5 times: RuntimeError. "
        "Submit the job again."
    )
    assert await shop.results(job_id) == []
    assert shop.ended[-1][1] == "failed"


async def test_a_job_that_kills_its_workers_ends(shop: Shop) -> None:
    job_id = await shop.submit([1])
    for _ in range(MOST_ATTEMPTS):
        async with shop.store.transaction() as transaction:
            claimed = await transaction.queue.claim(
                Errand.COMPUTE, "dies", now=shop.clock(), lease_until=shop.leases.until()
            )
        assert claimed is not None
        shop.clock.advance(61)
    assert await shop.worker().take_turn()
    assert (await shop.job(job_id)).status is JobStatus.FAILED
    assert not shop.computed


async def test_cancelling_throws_away_what_is_being_computed(shop: Shop) -> None:
    job_id = await shop.submit(range(3 * PART))
    await shop.worker().take_turn()

    async def cancelled_meanwhile(tenant_id: str, bodies: Sequence[dict[str, Any]]) -> list[Result]:
        await cancel(shop.store, tenant_id, job_id, now=shop.clock())
        return await shop.double(tenant_id, bodies)

    assert await shop.worker(cancelled_meanwhile).take_turn()
    job = await shop.job(job_id)
    assert (job.status, job.num_done) == (JobStatus.CANCELLED, PART)
    assert await shop.results(job_id) == []
    assert not await shop.worker().take_turn()
    assert (await cancel(shop.store, "north", job_id, now=shop.clock())).finished_at == job.finished_at
    with pytest.raises(NotFoundError, match="No job"):
        await cancel(shop.store, "south", job_id, now=shop.clock())


async def test_results_are_stored_once_the_database_is_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await shop.submit([1])

    async def lost(*_: object) -> list[Result]:
        monkeypatch.setattr(Store, "_transaction", away)
        return [Result({"doubled": 2})]

    working, calls = Store._transaction, iter([True, False])

    def away(store: Store, wait_for_turn: Any) -> Any:
        if next(calls, False):
            raise UnavailableError("The database is away.")
        return working(store, wait_for_turn)

    assert await shop.worker(lost).take_turn()
    assert (await shop.job(job_id)).status is JobStatus.COMPLETED


async def order_of_turns(shop: Shop) -> list[int]:
    shop.computed.clear()
    worker = shop.worker()
    while await worker.take_turn():
        shop.clock.advance(1)
    return [numbers for _, numbers in shop.computed]


async def test_high_priority_goes_first_and_equals_go_round(shop: Shop) -> None:
    await shop.submit([30], priority=LOW)
    await shop.submit([20], priority=NORMAL)
    await shop.submit([10], priority=HIGH)
    assert await order_of_turns(shop) == [10, 20, 30]
    await shop.submit([1] * 2 * PART)
    shop.clock.advance(0.5)
    await shop.submit([2] * 2 * PART)
    shop.clock.advance(0.5)
    parts = (await order_of_turns(shop))[::PART]
    assert parts == [1, 2, 1, 2]


async def test_nothing_starves_under_a_flood_of_higher_priority(shop: Shop) -> None:
    """A new job of high priority every second, each one second of work: the others still have their turns."""
    await shop.submit([-30], priority=LOW)
    await shop.submit([-20], priority=NORMAL)
    worker = shop.worker()
    at: dict[int, float] = {}
    for second in range(40):
        await shop.submit([second], priority=HIGH)
        assert await worker.take_turn()
        at[shop.computed[-1][1]] = second
        shop.clock.advance(1)
    assert HEAD_START_SECONDS[NORMAL] <= at[-20] <= HEAD_START_SECONDS[NORMAL] + 1
    assert HEAD_START_SECONDS[LOW] <= at[-30] <= HEAD_START_SECONDS[LOW] + 2


async def test_the_depth_of_the_queue_is_told(shop: Shop) -> None:
    await shop.submit([1], priority=LOW)
    await shop.submit([1], priority=LOW)
    assert await shop.worker().take_turn()
    [waiting] = shop.seen[0]
    assert (waiting.errand, waiting.priority, waiting.num_jobs, waiting.num_free) == (
        Errand.COMPUTE,
        LOW,
        2,
        2,
    )


async def test_a_tenant_may_have_so_many_unfinished_jobs(shop: Shop) -> None:
    await shop.submit([1], max_unfinished=1)
    with pytest.raises(TooManyError, match="1 jobs are unfinished"):
        await shop.submit([1], max_unfinished=1)
    await shop.submit([1], tenant_id="south", max_unfinished=1)
    await shop.worker().take_turn()
    await shop.worker().take_turn()
    await shop.submit([1], max_unfinished=1)


async def test_old_jobs_are_forgotten_with_their_results(shop: Shop) -> None:
    old = await shop.submit([1])
    await shop.worker().take_turn()
    shop.clock.advance(100)
    young = await shop.submit([2])
    await shop.worker().take_turn()
    async with shop.store.writing("south") as session:
        assert await session.jobs.forget_ended(before=shop.clock(), limit=10) == 0
    async with shop.store.writing("north") as session:
        assert await session.jobs.forget_ended(before=shop.clock(), limit=10) == 1
    async with shop.store.reading("north") as session:
        assert await session.jobs.find(old) is None
    assert await shop.results(old) == []
    assert await shop.results(young) == [4]


async def test_whoever_stored_anything_is_known_as_a_tenant(shop: Shop) -> None:
    assert await shop.store.tenants() == []
    await shop.submit([1], tenant_id="south")
    await shop.submit([1], tenant_id="north")
    await shop.submit([1], tenant_id="north")
    assert await shop.store.tenants() == ["north", "south"]


async def test_a_crew_finishes_its_turn_before_it_stops(shop: Shop) -> None:
    job_id = await shop.submit(range(PART))
    began = asyncio.Event()

    async def slow(tenant_id: str, bodies: Sequence[dict[str, Any]]) -> list[Result]:
        began.set()
        await asyncio.sleep(0.1)
        return await shop.double(tenant_id, bodies)

    async with Crew([shop.worker(slow).take_turn], poll_seconds=10, drain=Drain(5), wake=asyncio.Event()):
        await began.wait()
    assert (await shop.job(job_id)).status is JobStatus.COMPLETED


async def test_crews_that_stop_together_share_one_deadline() -> None:
    """The second of them would wait as long again; and no turn is begun after the first has begun to stop."""
    loop, drain = asyncio.get_running_loop(), Drain(1)
    began, num_turns = asyncio.Event(), 0

    async def endless() -> bool:
        began.set()
        await asyncio.sleep(60)
        return True

    async def quick() -> bool:
        nonlocal num_turns
        num_turns += not drain.has_begun
        assert not drain.has_begun
        await asyncio.sleep(0)
        return True

    async with (
        Crew([endless, quick], poll_seconds=10, drain=drain, wake=asyncio.Event()) as first,
        Crew([endless], poll_seconds=10, drain=drain, wake=asyncio.Event()) as second,
    ):
        await began.wait()
        stopping_at = loop.time()
    assert 0.9 < loop.time() - stopping_at < 1.8
    assert [task.cancelled() for task in first.tasks + second.tasks] == [True, False, True]
    assert num_turns > 0


def test_a_drain_begins_once() -> None:
    now = 100.0
    drain = Drain(20, clock=lambda: now)
    assert not drain.has_begun
    assert drain.begin() == 20
    now = 115.0
    assert (drain.has_begun, drain.begin()) == (True, 5)
    now = 130.0
    assert drain.begin() == 0


async def test_a_crew_gives_way_to_live_traffic_but_not_for_ever() -> None:
    turns: list[float] = []
    loop = asyncio.get_running_loop()
    came = asyncio.Event()

    async def turn() -> bool:
        turns.append(loop.time())
        came.set()
        return False

    began = loop.time()
    async with Crew([turn], poll_seconds=10, drain=Drain(1), wake=asyncio.Event(), is_busy=lambda: True):
        await came.wait()
    assert 0.9 < turns[0] - began < 3
