"""Who asked is told, signed, once; and nobody can make us call where we must not."""

import asyncio
from datetime import timedelta

import httpx
import orjson
import pytest

from knowtrace.jobs import Leases, Messenger
from knowtrace.jobs.callbacks import PAUSES_SECONDS
from knowtrace.outbound import HEADER, Allowed, sign
from knowtrace.store import Errand
from tests.jobs.conftest import Shop

KEY = b"a key that is long enough for this"
ALLOWED = Allowed(hosts=("hooks.example.org",), private_hosts=("lms.internal:8080",))
URL = "https://hooks.example.org/done?job=1"


class Receiver(httpx.AsyncBaseTransport):
    """Keeps what it is sent; answers with the statuses it is given, then 204."""

    def __init__(self, *statuses: int | Exception) -> None:
        self.statuses = list(statuses)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.statuses.pop(0) if self.statuses else 204
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status, headers={"Location": "https://169.254.169.254/"})


async def public(host: str, port: int) -> list[str]:
    return ["93.184.216.34"]


def messenger(shop: Shop, receiver: Receiver, **rest: object) -> Messenger:
    return Messenger(
        shop.store, shop.leases, ALLOWED, KEY, **{"resolve": public, "transport": receiver, **rest}
    )  # type: ignore[arg-type]


async def finished(shop: Shop, url: str = URL) -> str:
    job_id = await shop.submit([1, -1], callback_url=url)
    assert await shop.worker().take_turn()
    return job_id


async def test_the_end_of_a_job_is_told_once_and_signed(shop: Shop) -> None:
    job_id = await finished(shop)
    receiver = Receiver()
    assert await messenger(shop, receiver).take_turn()
    assert not await messenger(shop, receiver).take_turn()
    [request] = receiver.requests
    assert str(request.url) == "https://93.184.216.34/done?job=1", "the address that was checked is called"
    assert request.headers["host"] == "hooks.example.org"
    assert request.extensions["sni_hostname"] == "hooks.example.org"
    said = orjson.loads(request.content)
    assert (said["job_id"], said["status"], said["num_done"], said["num_failed"]) == (
        job_id,
        "completed",
        2,
        1,
    )
    at = int(shop.clock().timestamp())
    assert request.headers[HEADER] == sign(KEY, request.content, at=at)
    assert (await shop.job(job_id)).callback_sent_at == shop.clock()


async def test_a_callback_is_tried_again_with_growing_pauses_and_then_given_up(shop: Shop) -> None:
    job_id = await finished(shop)
    receiver = Receiver(500, httpx.ConnectError("refused"), 302, 404, 503, 500)
    for pause in (*PAUSES_SECONDS, 0):
        assert await messenger(shop, receiver).take_turn()
        assert not await messenger(shop, receiver).take_turn()
        shop.clock.advance(pause)
    assert len(receiver.requests) == len(PAUSES_SECONDS) + 1
    job = await shop.job(job_id)
    assert (job.callback_sent_at, job.callback_error) == (None, "The receiver answered 500.")
    assert await shop.store.waiting(shop.clock()) == []


async def test_a_callback_that_fails_first_is_delivered_later(shop: Shop) -> None:
    job_id = await finished(shop)
    receiver = Receiver(500)
    await messenger(shop, receiver).take_turn()
    assert (await shop.job(job_id)).callback_error == "The receiver answered 500."
    shop.clock.advance(PAUSES_SECONDS[0])
    await messenger(shop, receiver).take_turn()
    job = await shop.job(job_id)
    assert (job.callback_sent_at, job.callback_error) == (shop.clock(), None)


async def test_workers_leave_callbacks_alone(shop: Shop) -> None:
    await finished(shop)
    assert not await shop.worker().take_turn()
    [waiting] = await shop.store.waiting(shop.clock())
    assert waiting.errand is Errand.CALLBACK


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:10.0.0.7"])
async def test_a_listed_host_at_a_private_address_is_not_called(shop: Shop, address: str) -> None:
    job_id = await finished(shop)
    receiver = Receiver()

    async def moved(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]

    await messenger(shop, receiver, resolve=moved).take_turn()
    assert receiver.requests == []
    assert (await shop.job(job_id)).callback_error == (
        f"The host hooks.example.org is at {address}, which is not a public address."
    )


async def test_a_private_host_is_called_where_it_is(shop: Shop) -> None:
    await finished(shop, "http://lms.internal:8080/done")
    receiver = Receiver()

    async def inside(host: str, port: int) -> list[str]:
        assert (host, port) == ("lms.internal", 8080)
        return ["10.0.0.7"]

    await messenger(shop, receiver, resolve=inside).take_turn()
    assert str(receiver.requests[0].url) == "http://10.0.0.7:8080/done"


async def test_a_callback_that_takes_longer_than_the_lease_is_not_sent_by_two(shop: Shop) -> None:
    await finished(shop)
    sent = asyncio.Event()

    class Slow(Receiver):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await super().handle_async_request(request)
            shop.clock.advance(shop.leases.seconds)
            await sent.wait()
            return response

    shop.leases = Leases(store=shop.store, seconds=0.3, now=shop.clock)
    receiver = Slow()
    first = asyncio.create_task(messenger(shop, receiver).take_turn())
    async with asyncio.timeout(10):
        while not receiver.requests:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)  # renewed meanwhile, by the wall clock
    async with asyncio.timeout(5):
        assert not await messenger(shop, receiver).take_turn()
    sent.set()
    await first
    assert len(receiver.requests) == 1


async def test_a_receiver_that_never_ends_its_answer_is_given_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte in time, the whole never: the patience is for all of it."""
    monkeypatch.setattr("knowtrace.jobs.callbacks.PATIENCE_SECONDS", 0.05)
    job_id = await finished(shop)

    class Dripping(Receiver):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            while True:
                await asyncio.sleep(0.01)

    async with asyncio.timeout(10):
        assert await messenger(shop, Dripping()).take_turn()
    assert (await shop.job(job_id)).callback_error == "The receiver did not answer in 0.05 s."


async def test_whatever_sending_raises_is_a_try_and_tells_no_secret(shop: Shop) -> None:
    job_id = await finished(shop)
    receiver = Receiver(*[ValueError(f"no header can be made of {URL}")] * 6)
    for pause in (*PAUSES_SECONDS, 0):
        assert await messenger(shop, receiver).take_turn()
        shop.clock.advance(pause)
    assert (await shop.job(job_id)).callback_error == "ValueError: the log of this service says where."
    assert await shop.store.waiting(shop.clock()) == []


async def test_a_job_that_is_deleted_leaves_no_callback_behind(shop: Shop) -> None:
    await finished(shop)
    async with shop.store.writing("north") as session:
        assert await session.jobs.forget_ended(before=shop.clock() + timedelta(days=1), limit=10) == 1
    assert not await messenger(shop, Receiver()).take_turn()
