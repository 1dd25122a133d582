"""Threads of a model: bounded in time, ended when nobody waits, and of no other model."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from knowtrace.domain import Interaction
from knowtrace.registry import PlainRun, Run
from knowtrace.tracing import Tracer
from knowtrace.tracing.threads import (
    MOST_LEFT,
    STUCK_SECONDS,
    Threads,
    TooSlowError,
    check_asker,
    computing_within,
)


@pytest.fixture
def threads() -> Threads:
    return Threads("some-model")


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What hangs waits for this, and no longer than the test."""
    event = threading.Event()
    yield event
    event.set()


async def until_free(threads: Threads) -> None:
    async with asyncio.timeout(10):
        while threads._left:
            await asyncio.sleep(0.01)


async def test_a_thread_gives_what_it_computes_and_raises_what_it_raises(threads: Threads) -> None:
    assert await threads.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 7, 0)
    with computing_within(10):
        assert await threads.run(divmod, 7, 2) == (3, 1)


async def test_computing_of_one_request_is_added_up_and_waiting_is_not(threads: Threads) -> None:
    began = time.monotonic()
    with computing_within(0.5):
        await asyncio.sleep(0.6)
        await threads.run(time.sleep, 0.3)
        with pytest.raises(TooSlowError, match="some-model was let compute for"):
            await threads.run(time.sleep, 5)
    assert time.monotonic() - began < 4


async def test_a_replay_that_nobody_waits_for_ends_at_its_next_step(threads: Threads) -> None:
    steps: list[float] = []

    def replay() -> None:
        while True:
            check_asker()
            steps.append(time.monotonic())
            time.sleep(0.01)

    with computing_within(0.1), pytest.raises(TooSlowError):
        await threads.run(replay)
    await until_free(threads)
    task = asyncio.create_task(threads.run(replay))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until_free(threads)
    num_steps = len(steps)
    await asyncio.sleep(0.1)
    assert len(steps) == num_steps > 2


async def test_a_tracers_replay_asks_whether_anybody_waits(
    opened_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracer = Tracer(opened_run)
    observe, seen = tracer.observe, threading.Event()

    def slowly(*given: object) -> object:
        seen.set()
        time.sleep(0.05)
        return observe(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(tracer, "observe", slowly)
    item_id = tracer.vocabulary.items[0].item_id
    history = [Interaction(student_id="", item_id=item_id, skill_ids=(), response=0)] * 200
    task = asyncio.create_task(tracer.threads.run(tracer.replay, history))
    await asyncio.to_thread(seen.wait)
    task.cancel()
    began = time.monotonic()
    await until_free(tracer.threads)
    assert time.monotonic() - began < 5, "200 steps take 10 s"


async def test_a_model_that_hangs_is_known_by_the_threads_it_holds(
    threads: Threads, hang: threading.Event
) -> None:
    for _ in range(MOST_LEFT):
        assert not threads.are_stuck
        with computing_within(0.05), pytest.raises(TooSlowError):
            await threads.run(hang.wait)
    assert not threads.are_stuck, "askers have just left, and nobody knows more yet"
    await asyncio.sleep(STUCK_SECONDS)
    assert threads.are_stuck
    hang.set()
    await until_free(threads)
    assert not threads.are_stuck


async def test_what_waits_for_a_thread_of_a_model_that_hangs_is_never_begun(
    threads: Threads, hang: threading.Event
) -> None:
    """However many ask, no more threads are held than there are, and another model's are free."""
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        hang.wait()

    with computing_within(0.3):
        results = await asyncio.gather(
            *(threads.run(work, number) for number in range(100)), return_exceptions=True
        )
    assert {type(result) for result in results} == {TooSlowError}
    most = threads._pool._max_workers
    assert len(begun) == most < 100
    assert await Threads("another").run(divmod, 7, 2) == (3, 1)
    hang.set()
    await until_free(threads)
    assert len(begun) == most


async def test_a_stand_in_has_threads_of_its_own(opened_run: Run) -> None:
    stand_in = PlainRun(of=opened_run.version, vocabulary=opened_run.vocabulary, hears_answers=True)
    assert Tracer(stand_in).threads is not Tracer(opened_run).threads
