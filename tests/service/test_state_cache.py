"""States in Redis save reads of the database and change nothing: two services on one database and one Redis."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from redis.asyncio import Redis

from knowtrace.cli.students import operator
from knowtrace.errors import SettingsError
from knowtrace.registry import PlainRun
from knowtrace.service import state_cache
from knowtrace.service.app import create_app
from knowtrace.service.breaker import FAILURES, REST_SECONDS
from knowtrace.service.classroom import Classroom
from knowtrace.service.erasure.service import erase_directly
from knowtrace.service.lineup import load
from knowtrace.service.metrics import Metrics
from knowtrace.service.state_cache import RedisStates, StateKeys, redis_states
from knowtrace.settings import Settings
from knowtrace.store import Casting, Deed, Mark, ModelRole, Store
from knowtrace.tracing import StudentKey, StudentState, Tracer
from knowtrace.tracing.erasing import Erasure
from knowtrace.tracing.sharing import Stand
from knowtrace.tracing.states import replayed_state
from service.processes import RedisServer, redis_server
from tests.tracing.test_intake import answer

Body = dict[str, Any]
KEY = "0123456789abcdef" * 2
SCHOOL = "default"
ANNA, BEN = StudentKey(SCHOOL, "anna"), StudentKey(SCHOOL, "ben")
MARK = Mark("dkt-1", 7, 3)
DEED = Deed(subject="x", role="admin", action="students.erase", object="student:x", request_id="")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this suite's own: it is filled, stopped and killed."""
    with redis_server(tmp_path_factory.mktemp("states")) as server:
        yield server


@pytest.fixture
async def redis(server: RedisServer) -> AsyncIterator[Any]:
    redis: Any = Redis.from_url(server.url)
    await redis.flushall()
    yield redis
    await redis.aclose()


@pytest.fixture
def shared(settings: Settings, server: RedisServer) -> Settings:
    # Models that are given parts by hand are not to be taken back by what is stored.
    changes = {"state_cache_url": server.url, "log_key": KEY, "roles_poll_seconds": 600}
    return Settings(**{**settings.model_dump(exclude_unset=True), **changes})


@asynccontextmanager
async def running(settings: Settings) -> AsyncGenerator[tuple[Classroom, httpx.AsyncClient]]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield app.state.classroom, client


async def written(classroom: Classroom) -> None:
    """Wait until everything that was offered is in Redis, or has been given up."""
    assert classroom.states is not None
    while classroom.states._waiting or classroom.states._turn.locked():
        await asyncio.sleep(0.002)


def count(classroom: Classroom, result: str) -> float:
    found = classroom.metrics.registry.get_sample_value(
        "ml_cache_operations_total", {"cache": "shared_state", "operation": "get", "result": result}
    )
    return found or 0.0


def failures(metrics: Metrics) -> dict[str, float]:
    """Return how often what failed, without what never did."""
    (found,) = metrics._state_cache_failures.collect()
    return {s.labels["failure"]: s.value for s in found.samples if s.name.endswith("total") and s.value}


async def look(classroom: Classroom, student_id: str = "anna", *, by: Tracer | None = None) -> int:
    """Return how many answers a student has given, after comparing the whole state with a clean replay."""
    state, _ = await classroom.lineup.champion.followed.look(classroom.store, SCHOOL, student_id)
    async with classroom.store.reading(SCHOOL) as session:
        clean = await replayed_state(session, by or classroom.lineup.champion.tracer, student_id)
    assert np.array_equal(state.vector, clean.vector)
    assert state == replace(clean, vector=state.vector)
    return state.num_answers


async def test_what_one_service_stores_another_finds(
    shared: Settings, redis: Any, event: Callable[..., Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(shared) as (first, one), running(shared) as (second, other):
        sent = [event(number) for number in range(1, 6)]
        assert (await one.post("/api/v1/events", json=sent)).status_code == 200
        await written(first)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "reading", lambda *_: pytest.fail("read, where it was shared"))
            by_other = (await other.get("/api/v1/mastery/anna")).json()
        assert by_other == (await one.get("/api/v1/mastery/anna")).json()
        assert (count(second, "hit"), count(second, "miss"), count(first, "hit")) == (1, 0, 0)
        assert await look(second) == 5
        changed = {**event(3), "correct": True}
        del changed["event_id"]
        assert (await one.put("/api/v1/events/e3", json=changed)).status_code == 200
        assert await look(second) == 5
        assert (await one.delete("/api/v1/events/e4")).status_code == 200
        assert await look(second) == 4
        await written(second)
        assert (count(second, "hit"), count(second, "miss")) == (
            1,
            2,
        )  # a revision is read, and put there by who read
        assert await look(first) == 4
        assert count(first, "hit") == 1
        for key in await redis.keys():
            assert 0 < await redis.ttl(key) <= shared.state_cache_seconds
            assert b"anna" not in key + await redis.get(key)
        assert not failures(first.metrics) and not failures(second.metrics)


async def test_an_erased_student_is_nowhere_and_stays_away(
    shared: Settings, redis: Any, event: Callable[..., Body]
) -> None:
    async with running(shared) as (first, one), running(shared) as (second, _):
        await one.post("/api/v1/events", json=[event(number) for number in range(1, 6)])
        await written(first)
        assert await look(second) == 5
        (key,) = await redis.keys()
        was, mark = await redis.get(key), await second.store.glance(SCHOOL, lambda s: s.students.mark("anna"))
        receipt = (await one.delete("/api/v1/students/anna")).json()
        assert receipt["not_covered"][-1].startswith("Files of the state cache's Redis")
        assert await redis.get(key) == b""
        assert second.states is not None and mark[0] is not None
        state = second.tracer.start()
        second.states.offer(ANNA, Stand(state, mark[0]))  # as if it had been read before the erasure
        await written(second)
        assert await redis.get(key) == b""
        await redis.set(key, was)  # as if Redis had been away
        assert await look(second) == 0
        await one.post("/api/v1/events", json=event(9))
        assert await look(second) == 1
        assert not failures(second.metrics)


async def test_the_command_that_erases_takes_students_out_of_redis_or_says_that_it_could_not(
    shared: Settings, redis: Any, event: Callable[..., Body]
) -> None:
    async with running(shared) as (first, one):
        await one.post("/api/v1/events", json=[event(1), event(2, student_id="ben")])
        await written(first)
        assert len(await redis.keys()) == 2
        states = redis_states(shared, Metrics())
        assert states is not None
        async with states:
            receipt = await erase_directly(first.store, shared, operator(SCHOOL), ["anna", "ben"], [], states)
        assert [await redis.get(key) for key in await redis.keys()] == [b"", b""]
        assert receipt.not_covered[-1].startswith("Files of the state cache's Redis")
        nowhere = Settings(
            **{**shared.model_dump(exclude_unset=True), "state_cache_url": "redis://127.0.0.1:1/0"}
        )
        away = redis_states(nowhere, Metrics())
        assert away is not None
        async with away:
            receipt = await erase_directly(first.store, nowhere, operator(SCHOOL), ["carl", "dora"], [], away)
        assert "did not take the erasure" in receipt.not_covered[-1] and "3,600 s" in receipt.not_covered[-1]
        assert failures(away._metrics) == {"not_forgotten": 1}


async def test_a_switch_of_models_leaves_what_the_one_before_has_put_there_unused(
    shared: Settings, redis: Any, event: Callable[..., Body]
) -> None:
    async with running(shared) as (first, one), running(shared) as (second, _):
        for classroom in (first, second):
            # The one that is served hears answers already: the other one counts them.
            other = load(
                PlainRun(of="x", vocabulary=first.tracer.vocabulary, hears_answers=True), classroom.states
            )
            classroom.lineup.keep(other)
        served = first.tracer
        await one.post("/api/v1/events", json=[event(number) for number in range(1, 6)])
        await written(first)
        for classroom in (first, second):
            await classroom.intake.switch(other.tracer)
            part = Casting(version=other.version, share=1.0, changed_at=first.started_at, changed_by="admin")
            classroom.lineup.take([], {ModelRole.CHAMPION: part})
        assert await look(second) == 5
        assert count(second, "hit") == 0
        await one.post("/api/v1/events", json=event(6))
        await written(first)
        assert await look(second) == 6
        assert count(second, "hit") == 1
        before = second.lineup.get(served.version).followed
        assert (await before.look(second.store, SCHOOL, "anna")).state.num_answers == 6
        assert count(second, "hit") == 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_steps_of_two_services_are_answered_as_a_clean_replay_would(
    shared: Settings, redis: Any, seed: int
) -> None:
    rng = random.Random(seed)
    async with running(shared) as (first, _), running(shared) as (second, _):
        stored: list[str] = []
        for number in range(60):
            classroom, student_id = rng.choice((first, second)), rng.choice(("anna", "ben"))
            step = rng.choices(
                ("answer", "late", "correct", "withdraw", "erase", "forget"), (8, 2, 2, 1, 1, 1)
            )[0]
            if step in ("answer", "late"):
                minute = number if step == "answer" else rng.uniform(0, number)
                new = replace(
                    answer(first.tracer, number, minute=minute), event_id=f"e{number}", student_id=student_id
                )
                await classroom.intake.submit(SCHOOL, [new])
                stored.append(new.event_id)
            elif step == "erase":
                assert classroom.states is not None
                await classroom.intake.erase(Erasure(tenant_id=SCHOOL, student_id=student_id, deed=DEED))
                if rng.random() < 0.5:  # else as if Redis had been away
                    await classroom.states.forget(StudentKey(SCHOOL, student_id))
            elif step == "forget":
                classroom.lineup.forget(None)
            elif stored:
                event_id = rng.choice(stored)
                async with first.store.reading(SCHOOL) as session:
                    older = await session.events.find(event_id)
                if older is None or older.withdrawn_at is not None:
                    continue
                if step == "withdraw":
                    await classroom.intake.withdraw(SCHOOL, event_id)
                else:
                    given = older.interaction
                    corrected = replace(
                        answer(first.tracer, number), event_id=event_id, student_id=given.student_id
                    )
                    await classroom.intake.correct(SCHOOL, corrected)
            if rng.random() < 0.7:
                await written(first)
                await written(second)
            for looked_at in ("anna", "ben"):
                await look(rng.choice((first, second)), looked_at)
        assert count(first, "hit") + count(second, "hit") > 5
        assert not failures(first.metrics) and not failures(second.metrics)


async def test_a_redis_that_is_stopped_killed_or_full_costs_no_answer(
    shared: Settings, tmp_path: Path, event: Callable[..., Body]
) -> None:
    with redis_server(tmp_path) as own:
        settings = Settings(**{**shared.model_dump(exclude_unset=True), "state_cache_url": own.url})
        async with running(settings) as (first, one), running(settings) as (second, other):
            redis: Any = Redis.from_url(own.url)

            async def lesson(number: int) -> None:
                sent = await one.post("/api/v1/events", json=event(number))
                assert sent.status_code == 200, sent.text
                began = time.perf_counter()
                answered = await other.get("/api/v1/mastery/anna")
                assert answered.status_code == 200, answered.text
                assert time.perf_counter() - began < 1
                assert await look(second) == number
                await written(first)

            await lesson(1)
            await redis.config_set("maxmemory", 1)
            for number in range(2, 6):
                await lesson(number)
            assert failures(first.metrics)["unwritten"] == FAILURES
            assert first.states is not None and first.states.is_resting
            parts = (await one.get("/api/v1/health/dependencies")).json()["dependencies"]
            assert {"name": "state cache", "status": "resting"}.items() <= parts[2].items()
            await redis.aclose()
            own.process.send_signal(signal.SIGSTOP)
            for number in range(6, 12):
                await lesson(number)
            assert failures(second.metrics)["unread"] == FAILURES
            assert failures(second.metrics)["left_alone"] >= 2
            own.process.send_signal(signal.SIGCONT)
            own.process.kill()
            own.process.wait()
            assert second.states is not None
            second.states._reading.begin_anew()
            for number in range(12, 17):
                await lesson(number)
            assert failures(second.metrics)["unread"] == 2 * FAILURES
            receipt = (await one.delete("/api/v1/students/anna")).json()
            assert "did not take the erasure" in receipt["not_covered"][-1]
            assert await look(second) == 0


class Client:
    """A Redis that gives one answer, or raises it, after a while."""

    def __init__(self, given: Any, seconds: float = 0.0) -> None:
        self.given, self.seconds = given, seconds
        self.num_asked = 0

    async def get(self, _key: bytes) -> Any:
        self.num_asked += 1
        await asyncio.sleep(self.seconds)
        if isinstance(self.given, Exception):
            raise self.given
        return self.given

    async def aclose(self) -> None: ...


def cache(client: Any, secret: str = KEY, database_url: str = "sqlite:///a.db") -> RedisStates:
    return RedisStates(client, StateKeys(secret, database_url), Metrics(), keep_seconds=60)


@pytest.mark.parametrize(
    ("client", "failure"),
    [
        (Client(ConnectionError("away")), "unread"),
        (Client(RuntimeError("an error of its own")), "unread"),
        (Client(b"", seconds=5), "unread"),
        (Client(b"x" * 500), "broken"),
        (Client(b"x"), "broken"),
    ],
)
async def test_a_redis_that_raises_waits_or_talks_nonsense_is_a_miss(client: Client, failure: str) -> None:
    states = cache(client)
    began = time.perf_counter()
    for _ in range(FAILURES + 2):
        assert await states.find(ANNA, MARK) is None
    assert time.perf_counter() - began < 1
    left_alone = 2 if failure == "unread" else 0
    assert client.num_asked == FAILURES + 2 - left_alone
    assert failures(states._metrics) == {
        failure: client.num_asked,
        **({"left_alone": left_alone} if left_alone else {}),
    }


async def test_after_its_rest_redis_is_asked_by_one_look_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(ConnectionError("away"), seconds=0.01)
    states, now = cache(client), 0.0
    monkeypatch.setattr(states._reading, "_clock", lambda: now)
    for _ in range(FAILURES):
        await states.find(ANNA, MARK)
    now = REST_SECONDS
    await asyncio.gather(*(states.find(ANNA, MARK) for _ in range(5)))
    assert client.num_asked == FAILURES + 1


async def test_only_what_was_sealed_for_this_student_of_this_database_is_opened(redis: Any) -> None:
    stand = Stand(some_state(), MARK)
    async with cache(redis) as states:
        states.offer(ANNA, stand)
        while not await redis.keys():
            await asyncio.sleep(0.005)
    states = cache(redis)
    found = await states.find(ANNA, MARK)
    assert found is not None and np.array_equal(found.state.vector, stand.state.vector)
    assert await states.find(ANNA, MARK._replace(last_position=8)) is None
    for other in (cache(redis, secret="f" * 32), cache(redis, database_url="sqlite:///b.db")):
        assert await other.find(ANNA, MARK) is None
        assert not failures(other._metrics)  # it looks elsewhere
    (key,) = await redis.keys()
    value = await redis.get(key)
    await redis.set(states._keys.of(BEN), value)
    assert await states.find(BEN, MARK) is None
    for position in (0, 20, len(value) - 1):
        await redis.set(key, value[:position] + bytes([value[position] ^ 1]) + value[position + 1 :])
        assert await states.find(ANNA, MARK) is None
    assert failures(states._metrics) == {"broken": 4}


def test_one_key_is_one_students_and_no_password_is_in_it() -> None:
    keys = StateKeys(KEY, "postgresql+psycopg://u:one@db/school")
    assert keys.of(StudentKey("ab", "c")) != keys.of(StudentKey("a", "bc"))
    assert keys.of(ANNA) == StateKeys(KEY, "postgresql+psycopg://v:two@db/school").of(ANNA)
    assert keys.of(ANNA).startswith(b"knowtrace:state:1:")
    assert keys.of(StudentKey(SCHOOL, "\ud800"))


async def test_too_much_that_waits_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_cache, "MOST_WAITING", 2)
    states = cache(Client(None))
    for student_id in ("anna", "ben", "carl", "anna"):
        states.offer(StudentKey(SCHOOL, student_id), Stand(some_state(), MARK))
    assert list(states._waiting) == [(SCHOOL, "anna"), (SCHOOL, "ben")]
    assert failures(states._metrics) == {"dropped": 1}


def test_settings_that_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="needs log_key"):
        Settings(state_cache_url="redis://127.0.0.1/0")
    with pytest.raises(SettingsError, match="state_cache_url cannot be used"):
        redis_states(Settings(state_cache_url="nonsense", log_key=KEY), Metrics())
    assert redis_states(Settings(state_cache_url=""), Metrics()) is None


def some_state() -> StudentState:
    return StudentState(vector=np.arange(5, dtype=np.float32), num_answers=3)
