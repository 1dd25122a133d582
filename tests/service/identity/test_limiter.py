"""Sliding windows: never more than the limit and a bit in any window, and never stuck."""

import random
import time
import uuid

import pytest
from limits import parse
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from structlog.testing import capture_logs

from knowtrace.errors import SettingsError, TooManyError
from knowtrace.service.identity import windows
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.limiter import Limiter
from knowtrace.service.identity.windows import Windows
from knowtrace.settings import Settings

CALLER = Caller("north", "key:1", Role.SERVICE)
START = 1_750_000_020.0
"""A moment at which a minute begins."""


class Clock:
    seconds = START

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", made)
    return made


async def test_the_share_of_the_window_before_counts(clock: Clock) -> None:
    """10 a minute, all taken in one; a quarter into the next, 7.5 of them still count, and 3 are taken."""
    limiter = SlidingWindowCounterRateLimiter(Windows())
    limit = parse("10/minute")
    assert [await limiter.hit(limit, "a") for _ in range(11)] == [True] * 10 + [False]
    clock.seconds += 75
    assert [await limiter.hit(limit, "a") for _ in range(4)] == [True] * 3 + [False]
    assert await limiter.hit(limit, "b")
    clock.seconds += 120
    assert (await limiter.get_window_stats(limit, "a")).remaining == 10


async def test_a_steady_stream_gets_its_rate_and_a_flood_no_more(clock: Clock) -> None:
    limiter = SlidingWindowCounterRateLimiter(Windows())
    limit = parse("60/minute")
    draw = random.Random(1)
    taken: list[float] = []
    for _ in range(20_000):
        clock.seconds += draw.expovariate(30)
        if await limiter.hit(limit, "a"):
            taken.append(clock.seconds)
    minutes = (taken[-1] - taken[0]) / 60
    assert 55 <= len(taken) / minutes <= 61
    most = max(sum(start <= moment < start + 60 for moment in taken) for start in taken[::20])
    assert most <= 90, "the counter is an approximation: in the worst minute it lets half as much more pass"


async def test_it_keeps_no_more_keys_than_there_is_room(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_KEYS", 100)
    kept = Windows()
    limiter = SlidingWindowCounterRateLimiter(kept)
    for number in range(1_000):
        await limiter.hit(parse("1/minute"), f"key {number}")
    assert len(kept._counts) == 100


async def test_the_answer_says_when_to_come_back(clock: Clock) -> None:
    limiter = Limiter(Settings(rate_limit="2/minute"))
    await limiter.count_request(CALLER)
    await limiter.count_request(CALLER)
    with pytest.raises(TooManyError) as refused:
        await limiter.count_request(CALLER)
    wait = int(refused.value.headers["Retry-After"])
    assert f"Try again in {wait} s" in str(refused.value)
    # At the wait's end the window has only begun to move on; one more window later all is free again.
    clock.seconds += wait + 60
    await limiter.count_request(CALLER)


@pytest.mark.parametrize("is_shared", [False, True])
async def test_one_tenant_cannot_use_up_what_another_may_send(
    is_shared: bool, request: pytest.FixtureRequest
) -> None:
    """Two keys of the north share its 4; with Redis two processes do; the south has a quota of its own."""
    redis_url = request.getfixturevalue("redis_url") if is_shared else None
    north, south = (f"{name}-{uuid.uuid4().hex}" for name in ("north", "south"))
    settings = Settings(tenant_rate_limit="4/day", tenant_rate_limits={south: "2/day"}, redis_url=redis_url)
    one = Limiter(settings)
    other = Limiter(settings) if is_shared else one

    def key(tenant_id: str, number: int) -> Caller:
        return Caller(tenant_id, f"key:{number}", Role.SERVICE)

    left = [
        (await limiter.count_request(key(north, number)))["RateLimit-Remaining"]
        for number, limiter in enumerate((one, other, one, other))
    ]
    assert left == ["3", "2", "1", "0"]
    for limiter in (one, other):
        with pytest.raises(TooManyError, match="At most 4 requests of this tenant in 86,400 s"):
            await limiter.count_request(key(north, 9))
    assert (await one.count_request(key(south, 0)))["RateLimit-Limit"] == "2"
    await other.count_request(key(south, 1))
    with pytest.raises(TooManyError, match="At most 2 requests of this tenant"):
        await one.count_request(key(south, 0))
    await one.close()
    await other.close()


async def test_without_redis_each_process_counts_by_itself_and_says_so_once_a_minute() -> None:
    pytest.importorskip("redis", reason="needs knowtrace[redis]")
    limiter = Limiter(Settings(rate_limit="2/day", redis_url="redis://127.0.0.1:1/0"))
    with capture_logs() as logs:
        await limiter.count_request(CALLER)
        await limiter.count_request(CALLER)
        with pytest.raises(TooManyError):
            await limiter.count_request(CALLER)
    assert [line["event"] for line in logs] == ["Redis cannot count: each process counts by itself"]


@pytest.mark.parametrize(
    "setting", ["rate_limit", "student_rate_limit", "tenant_rate_limit", "failure_limit"]
)
def test_a_limit_that_cannot_be_read_is_named(setting: str) -> None:
    with pytest.raises(SettingsError, match=f"{setting} 'often' is no limit"):
        Limiter(Settings(**{setting: "often"}))


def test_a_tenants_limit_that_cannot_be_read_is_named() -> None:
    with pytest.raises(SettingsError, match="tenant_rate_limits 'often' is no limit"):
        Limiter(Settings(tenant_rate_limits={"north": "often"}))


def test_a_redis_address_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(SettingsError, match="redis_url cannot be used"):
        Limiter(Settings(redis_url="nonsense"))
