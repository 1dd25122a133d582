"""Messages to webhooks: signed, in order, at least once, whatever the receiver and our process do."""

import asyncio
import hashlib
import hmac
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from sqlalchemy.event import listen
from structlog.testing import capture_logs

from knowtrace.errors import UnavailableError
from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.service.delivery.deliverer import LANES_AT_ONCE, LANES_OF_ONE_DESTINATION, Deliverer
from knowtrace.service.delivery.outgoing import Mailroom
from knowtrace.service.delivery.sealing import Sealer
from knowtrace.service.identity.caller import Role
from knowtrace.service.identity.permissions import Permission
from knowtrace.settings import Settings
from knowtrace.store import Lane
from service.identity.school import School, open_school
from service.receiver import Receiver

Body = dict[str, Any]
URL = "/api/v1/webhooks"


@pytest.fixture
def settings(sqlite_url: str, tiny_run: Path) -> Settings:
    return Settings(
        database_url=sqlite_url,
        run=tiny_run,
        webhook_hosts=("127.0.0.1",),
        seal_key="0123456789abcdef" * 4,
        delivery_attempts=2,
        delivery_timeout_seconds=5,
        delivery_backoff_seconds=0.01,
        delivery_poll_seconds=0.02,
        subscriptions_poll_seconds=0.05,
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@asynccontextmanager
async def served(settings: Settings) -> AsyncGenerator[tuple[FastAPI, httpx.AsyncClient]]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield app, client


async def subscribe(client: httpx.AsyncClient, url: str, *kinds: str) -> Body:
    answer = await client.post(URL, json={"url": url, "kinds": list(kinds or ("mastery",))})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def dead_of(client: httpx.AsyncClient, hook: Body, count: int) -> list[Body]:
    async with asyncio.timeout(10):
        while True:
            dead = (await client.get(f"{URL}/{hook['webhook_id']}/dead")).json()["messages"]
            if len(dead) >= count:
                return dead
            await asyncio.sleep(0.02)


def rows(settings: Settings, query: str) -> list[Any]:
    connection = sqlite3.connect(settings.database_url.partition("///")[2])
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_an_answer_is_told_with_a_signature_that_can_be_checked(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver, classroom: Classroom
) -> None:
    hook = await subscribe(client, receiver.url)
    sent = await client.post("/api/v1/events", json=[event(1), event(2), event(3, student_id="ben")])
    await receiver.wait_for(2)
    by_student = {message["data"]["student_id"]: message for message in receiver.messages}
    anna = by_student["anna"]
    assert (anna["kind"], anna["tenant_id"]) == ("mastery", "default")
    assert anna["data"]["event_ids"] == ["e1", "e2"], "one message a commit and student"
    assert (anna["data"]["num_answers"], anna["data"]["degraded"]) == (2, False)
    assert anna["data"]["model_version"] == classroom.tracer.version
    answered = sent.json()["results"][:2]
    shown = {skill["skill_id"]: skill["mastery"] for result in answered for skill in result["mastery"]}
    told = {skill["skill"]: skill["mastery"] for skill in anna["data"]["mastery"]}
    assert told == shown
    assert shown
    for headers, body in receiver.requests:
        at, _, signature = headers["x-knowtrace-signature"].removeprefix("t=").partition(",v1=")
        signed = hmac.new(hook["secret"].encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signed, signature)
        assert abs(int(at) - datetime.now(UTC).timestamp()) < 60


async def test_a_recommendation_is_told_and_kinds_choose(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver, classroom: Classroom
) -> None:
    await subscribe(client, receiver.url, "recommendation")
    await client.post("/api/v1/events", json=event(1))
    asked = {"student_id": "anna", "skill": classroom.tracer.vocabulary.skill_ids[0]}
    decided = (await client.post("/api/v1/recommendations", json=asked)).json()
    await receiver.wait_for(1)
    [message] = receiver.messages
    assert message["kind"] == "recommendation"
    assert message["data"]["decision_id"] == decided["decision_id"]
    assert [item["item_id"] for item in message["data"]["recommendations"]] == [
        item["item_id"] for item in decided["recommendations"]
    ]


async def test_a_webhook_that_is_stored_is_answered_though_nobody_could_read_it_again(
    settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of 503 would mean that nothing was done: a client asks again, and there would be two."""

    async def away(_: Mailroom) -> None:
        raise UnavailableError("The database cannot answer.")

    async with served(settings) as (_, client):
        with monkeypatch.context() as patch:
            patch.setattr(Mailroom, "refresh", away)
            hook = await subscribe(client, receiver.url)
            assert len((await client.get(URL)).json()["webhooks"]) == 1
            assert (await client.delete(f"{URL}/{hook['webhook_id']}")).status_code == 204
        assert (await client.get(URL)).json()["webhooks"] == []


async def test_corrections_are_told_too(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver
) -> None:
    await subscribe(client, receiver.url)
    await client.post("/api/v1/events", json=event(1))
    await client.delete("/api/v1/events/e1")
    await receiver.wait_for(2)
    assert [m["data"]["is_revision"] for m in receiver.messages] == [False, True]
    assert receiver.messages[1]["data"]["num_answers"] == 0


async def test_messages_of_one_student_come_in_order(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver
) -> None:
    await subscribe(client, receiver.url)
    for number in range(20):
        await client.post("/api/v1/events", json=event(number, student_id=f"s{number % 2}"))
    await receiver.wait_for(20)
    for student in ("s0", "s1"):
        told = [m["data"]["num_answers"] for m in receiver.messages if m["data"]["student_id"] == student]
        assert told == list(range(1, 11))


async def test_a_failing_receiver_is_tried_again_then_the_message_is_dead_until_retried(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver
) -> None:
    hook = await subscribe(client, receiver.url)
    receiver.mood = "error"
    await client.post("/api/v1/events", json=event(1))
    [dead] = await dead_of(client, hook, 1)
    assert (dead["attempts"], dead["last_error"]) == (2, "HTTP status 500")
    assert len(receiver.requests) == 2
    receiver.mood = "good"
    answer = await client.post(f"{URL}/{hook['webhook_id']}/retry")
    assert answer.json() == {"num_retried": 1}
    await receiver.wait_for(3)
    assert len({message["message_id"] for message in receiver.messages}) == 1
    assert (await client.get(f"{URL}/{hook['webhook_id']}/dead")).json() == {"messages": []}


async def test_a_receiver_that_hangs_holds_up_nobody_else(
    settings: Settings, event: Callable[..., Body], receiver: Receiver
) -> None:
    settings = settings.model_copy(update={"delivery_timeout_seconds": 1})
    async with Receiver("hanging") as hanging, served(settings) as (_, client):
        hook = await subscribe(client, hanging.url)
        await subscribe(client, receiver.url)
        sent = await client.post("/api/v1/events", json=event(1))
        assert sent.status_code == 200
        await receiver.wait_for(1)
        [dead] = await dead_of(client, hook, 1)
        assert dead["last_error"].startswith("no answer in ")


async def test_many_students_of_a_hanging_receiver_hold_up_nobody_else(
    settings: Settings, event: Callable[..., Body], receiver: Receiver
) -> None:
    """More lanes than are delivered at once: those of others pass by long before one of them times out."""
    settings = settings.model_copy(update={"delivery_timeout_seconds": 30})
    async with Receiver("hanging") as hanging, served(settings) as (_, client):
        await subscribe(client, hanging.url)
        bodies = [event(number, student_id=f"s{number}") for number in range(2 * LANES_AT_ONCE)]
        assert (await client.post("/api/v1/events", json=bodies)).status_code == 200
        await hanging.wait_for(LANES_OF_ONE_DESTINATION)
        await subscribe(client, receiver.url)
        await client.post("/api/v1/events", json=event(0, event_id="later"))
        await receiver.wait_for(1)
        assert len(hanging.requests) == LANES_OF_ONE_DESTINATION


@pytest.mark.parametrize("lease", [0.1, 5, 6])
def test_a_lease_that_ends_while_a_message_is_being_sent_is_refused(lease: float) -> None:
    with pytest.raises(ValidationError, match=rf"delivery_lease_seconds \({lease:g}\) must exceed"):
        Settings(delivery_timeout_seconds=5, delivery_lease_seconds=lease)


async def test_a_message_whose_secret_cannot_be_opened_is_dead_at_last_and_says_why(
    settings: Settings, event: Callable[..., Body], receiver: Receiver
) -> None:
    async with served(settings) as (_, client):
        hook = await subscribe(client, receiver.url)
    replaced = settings.model_copy(update={"seal_key": SecretStr("fedcba9876543210" * 4)})
    async with served(replaced) as (_, client):
        await client.post("/api/v1/events", json=event(1))
        [dead] = await dead_of(client, hook, 1)
        assert (dead["attempts"], receiver.requests) == (2, [])
        assert "KNOWTRACE_SEAL_KEY is not the key" in dead["last_error"]
    async with served(settings) as (_, client):
        assert (await client.post(f"{URL}/{hook['webhook_id']}/retry")).json() == {"num_retried": 1}
        await receiver.wait_for(1)


async def test_whatever_sending_raises_is_an_attempt_and_tells_no_secret(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **rest: object) -> int:
        raise ValueError(f"no header can be made of {rest['key']!r}")

    hook = await subscribe(client, receiver.url)
    monkeypatch.setattr("knowtrace.service.delivery.senders.post", broken)
    with capture_logs() as logs:
        await client.post("/api/v1/events", json=event(1))
        [dead] = await dead_of(client, hook, 1)
    assert (dead["attempts"], dead["last_error"]) == (2, "ValueError: the log of this service says where")
    written = [line for line in logs if line["event"] == "a message could not be sent"]
    assert [line["log_level"] for line in written] == ["error"] * 2
    assert all(line["message_id"] == dead["message_id"] and line["exc_info"] for line in written)


async def test_redirects_are_not_followed(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver
) -> None:
    async with Receiver("redirecting") as redirecting:
        redirecting.elsewhere = receiver.url
        hook = await subscribe(client, redirecting.url)
        await client.post("/api/v1/events", json=event(1))
        [dead] = await dead_of(client, hook, 1)
    assert dead["last_error"] == "HTTP status 307"
    assert receiver.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/hook",
        "https://other.example/hook",
        "https://127.0.0.1.other.example/",
        "https://127.0.0.1@other.example/",
        "https://user:password@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://127.0.0.1:99999/",
        "https://[::1",
        "nonsense",
    ],
)
async def test_a_url_that_keeps_not_the_rules_is_400(client: httpx.AsyncClient, url: str) -> None:
    assert (await client.post(URL, json={"url": url, "kinds": ["mastery"]})).status_code == 400


async def test_the_secret_is_sealed_and_shown_once(
    client: httpx.AsyncClient, receiver: Receiver, settings: Settings
) -> None:
    hook = await subscribe(client, receiver.url)
    [[sealed]] = rows(settings, "SELECT secret FROM webhooks")
    assert hook["secret"].encode() not in sealed
    listed = (await client.get(URL)).json()["webhooks"]
    assert listed == [{key: value for key, value in hook.items() if key != "secret"}]
    key = settings.seal_key
    assert key is not None
    owner = f"default/{hook['webhook_id']}"
    assert Sealer(key.get_secret_value()).open(sealed, owner=owner) == hook["secret"].encode()
    for sealer, whose in ((Sealer("another"), owner), (Sealer(key.get_secret_value()), "south/x")):
        with pytest.raises(UnavailableError, match="cannot be opened"):
            sealer.open(sealed, owner=whose)


async def test_without_a_key_to_seal_there_are_no_webhooks(settings: Settings, receiver: Receiver) -> None:
    async with served(settings.model_copy(update={"seal_key": None})) as (_, client):
        answer = await client.post(URL, json={"url": receiver.url, "kinds": ["mastery"]})
    assert answer.status_code == 503
    assert "KNOWTRACE_SEAL_KEY" in answer.json()["detail"]


async def test_a_webhook_that_is_deleted_hears_nothing_more(
    client: httpx.AsyncClient, event: Callable[..., Body], receiver: Receiver, settings: Settings
) -> None:
    hook = await subscribe(client, receiver.url)
    receiver.mood = "error"
    await client.post("/api/v1/events", json=event(1))
    await dead_of(client, hook, 1)
    path = f"{URL}/{hook['webhook_id']}"
    assert (await client.delete(path)).status_code == 204
    await client.post("/api/v1/events", json=event(2))
    for table in ("webhooks", "outbox", "subscriptions", "delivery_lanes"):
        assert rows(settings, f"SELECT count(*) FROM {table}") == [(0,)], table
    for answer in (
        await client.delete(path),
        await client.get(f"{path}/dead"),
        await client.post(f"{path}/retry"),
    ):
        assert answer.status_code == 404


async def test_nobody_subscribed_costs_no_statement(
    client: httpx.AsyncClient, event: Callable[..., Body], classroom: Classroom
) -> None:
    statements: list[str] = []
    for engine in (classroom.store._engine, classroom.store._writer):
        listen(engine.sync_engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    await client.post("/api/v1/events", json=event(1))
    asked = {"student_id": "anna", "skill": classroom.tracer.vocabulary.skill_ids[0]}
    await client.post("/api/v1/recommendations", json=asked)
    assert len(statements) > 5
    words = ("outbox", "webhooks", "delivery_lanes")
    assert [text for text in statements if any(word in text for word in words)] == []


@pytest.mark.parametrize("told", ["tell", "tell_decisions"])
async def test_a_message_is_there_if_and_only_if_what_it_tells_of_is(
    settings: Settings,
    receiver: Receiver,
    event: Callable[..., Body],
    monkeypatch: pytest.MonkeyPatch,
    told: str,
) -> None:
    async with served(settings) as (app, client):
        await subscribe(client, receiver.url, "mastery", "recommendation")
        classroom = app.state.classroom
        tell = getattr(classroom.mailroom, told)

        async def tell_and_fail(*args: Any, **rest: Any) -> None:
            await tell(*args, **rest)
            raise ConnectionAbortedError

        monkeypatch.setattr(classroom.mailroom, told, tell_and_fail)
        if told == "tell":
            assert (await client.post("/api/v1/events", json=event(1))).status_code == 500
        else:
            asked = {"student_id": "anna", "skill": classroom.tracer.vocabulary.skill_ids[0]}
            assert (await client.post("/api/v1/recommendations", json=asked)).status_code == 500
    for table in (
        "events",
        "student_states",
        "student_mastery",
        "recommendations",
        "outbox",
        "delivery_lanes",
    ):
        assert rows(settings, f"SELECT count(*) FROM {table}") == [(0,)], table


@pytest.mark.parametrize("dies", ["before sending", "before it is marked"])
async def test_a_process_that_dies_loses_no_message(
    settings: Settings,
    receiver: Receiver,
    event: Callable[..., Body],
    monkeypatch: pytest.MonkeyPatch,
    dies: str,
) -> None:
    """The first process has leased the lane when it ends; the second one delivers when the lease has ended."""

    async def hang(*_: object) -> None:
        await asyncio.sleep(3_600)

    # Long enough for the first process to end within it: one that goes on would take its own lane again.
    settings = settings.model_copy(update={"delivery_lease_seconds": 3, "delivery_timeout_seconds": 1})
    part = "_deliver_lane" if dies == "before sending" else "_settle"
    with monkeypatch.context() as patch:
        patch.setattr(Deliverer, part, hang)
        async with served(settings) as (_, client):
            await subscribe(client, receiver.url)
            await client.post("/api/v1/events", json=event(1))
            async with asyncio.timeout(10):
                while not rows(settings, "SELECT 1 FROM delivery_lanes WHERE lease_until IS NOT NULL"):
                    await asyncio.sleep(0.02)
            if dies == "before it is marked":
                await receiver.wait_for(1)
    num_sent = len(receiver.requests)
    assert num_sent == (0 if dies == "before sending" else 1)
    async with served(settings):
        await receiver.wait_for(num_sent + 1)
        async with asyncio.timeout(10):
            while rows(settings, "SELECT 1 FROM delivery_lanes"):
                await asyncio.sleep(0.02)
    assert len(receiver.requests) == num_sent + 1
    assert len({message["message_id"] for message in receiver.messages}) == 1


async def test_two_processes_do_not_deliver_the_same_message_at_once(
    settings: Settings, receiver: Receiver, event: Callable[..., Body]
) -> None:
    async with served(settings) as (_, one), served(settings) as (_, other):
        await subscribe(one, receiver.url)
        await asyncio.sleep(0.3)  # the other one hears of it by reading
        clients = (one, other)
        for number in range(30):
            answer = await clients[number % 2].post(
                "/api/v1/events", json=event(number, student_id=f"s{number % 7}")
            )
            assert answer.status_code == 200
        await receiver.wait_for(30)
        async with asyncio.timeout(10):
            while rows(settings, "SELECT 1 FROM delivery_lanes"):
                await asyncio.sleep(0.02)
    assert len(receiver.requests) == len({message["message_id"] for message in receiver.messages}) == 30


async def test_a_lane_is_leased_to_one(classroom: Classroom, client: httpx.AsyncClient, event: Any) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1)
    lease = partial(classroom.store.lease_lanes, most_of_one=5, held={})
    async with classroom.store.writing("default") as session:
        await session.outbox._open_lanes([("a", "x"), ("b", "x")], now)
    until = now + timedelta(seconds=10)
    assert len(await lease(now=now, until=until, limit=1)) == 1
    taken = await lease(now=now, until=until, limit=5)
    assert taken in ([Lane("a", "default", "x")], [Lane("b", "default", "x")])
    assert await lease(now=now, until=until, limit=5) == []
    late = until + timedelta(seconds=1)
    assert len(await lease(now=late, until=late, limit=5)) == 2


@pytest.fixture
async def school(tiny_run: Path, sqlite_url: str) -> AsyncIterator[School]:
    keys = {"webhook_hosts": ("127.0.0.1",), "seal_key": "0123456789abcdef" * 4}
    async with open_school(tiny_run, sqlite_url, delivery_poll_seconds=0.02, **keys) as school:
        yield school


async def test_webhooks_are_their_tenants_and_hear_of_no_other(school: School, receiver: Receiver) -> None:
    body = {"url": receiver.url, "kinds": ["mastery"]}
    made = await school.ask(("south", "admin"), "POST", URL, json=body)
    hook = made.json()["webhook_id"]
    assert (await school.ask(("north", "admin"), "GET", URL)).json() == {"webhooks": []}
    for method, path in (("DELETE", ""), ("GET", "/dead"), ("POST", "/retry")):
        foreign = await school.ask(("north", "admin"), method, f"{URL}/{hook}{path}")
        absent = await school.ask(("north", "admin"), method, f"{URL}/nothing{path}")
        assert (foreign.status_code, foreign.json()["detail"]) == (404, absent.json()["detail"])
    for role in (Role.STUDENT, Role.EDUCATOR, Role.SERVICE, Role.OPERATOR):
        refused = await school.ask(("south", role.value), "POST", URL, json=body)
        assert refused.status_code == 403, Permission.WEBHOOKS_MANAGE
    await school.answer("north", "anna", 1)
    await school.answer("south", "anna", 1)
    await receiver.wait_for(1)
    await asyncio.sleep(0.2)
    assert [message["tenant_id"] for message in receiver.messages] == ["south"]
    log = (await school.ask(("south", "admin"), "GET", "/api/v1/audit")).json()
    assert "webhooks.create" in [line["action"] for line in log["lines"]]


async def test_the_stream_of_redis_has_every_message_with_its_id(
    settings: Settings, event: Callable[..., Body], redis_url: str
) -> None:
    from redis.asyncio import Redis

    settings = settings.model_copy(update={"redis_url": redis_url, "redis_stream": "knowtrace"})
    async with served(settings) as (_, client):
        for number in range(3):
            await client.post("/api/v1/events", json=event(number))
        redis: Any = Redis.from_url(redis_url)
        async with asyncio.timeout(10):
            while await redis.xlen("knowtrace") < 3:
                await asyncio.sleep(0.02)
        entries = [fields for _, fields in await redis.xrange("knowtrace")]
        await redis.aclose()
    assert len({fields[b"message_id"] for fields in entries}) == 3
    assert [b'"num_answers":%d' % n in fields[b"body"] for n, fields in enumerate(entries, 1)] == [True] * 3
