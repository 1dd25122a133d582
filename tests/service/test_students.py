"""Students: lists, histories, timelines, and the stream of what happens."""

import asyncio
import base64
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import ClientDisconnect

from knowtrace.errors import TooManyError, UnavailableError
from knowtrace.service.broker import MOST_WAITING, Broker
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import LOCAL, Caller, Role
from knowtrace.service.students.endpoints import EventStream
from knowtrace.service.students.messages import GOODBYE, HEARTBEAT, HELLO
from knowtrace.service.students.service import listen

Event = Callable[..., dict[str, Any]]
HUGE = base64.b64encode(b'["2026-03-01T00:00:00Z", 99999999999999999999]').decode()
BEFORE_TIME = base64.b64encode(b'["0001-01-01T00:00:00+23:00", 1]').decode()


async def pages(client: httpx.AsyncClient, url: str, field: str, limit: int) -> list[dict[str, Any]]:
    """Follow next_cursor to the end."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        body = (await client.get(url, params={"limit": limit, **cursor})).json()
        assert len(body[field]) <= limit
        found += body[field]
        if body["next_cursor"] is None:
            return found
        cursor = {"cursor": body["next_cursor"]}


async def test_students_are_listed_by_id_in_pages(client: httpx.AsyncClient, event: Event) -> None:
    names = ["dora", "anna", "ben", "carl", "eve"]
    await client.post("/api/v1/events", json=[event(n, student_id=name) for n, name in enumerate(names)])
    found = await pages(client, "/api/v1/students", "students", 2)
    assert [student["student_id"] for student in found] == sorted(names)
    assert {student["num_answers"] for student in found} == {1}


async def test_a_history_goes_back_from_the_newest(client: httpx.AsyncClient, event: Event) -> None:
    await client.post("/api/v1/events", json=[event(n) for n in (3, 1, 4, 2, 5)])
    found = await pages(client, "/api/v1/students/anna/events", "events", 2)
    assert [stored["event_id"] for stored in found] == ["e5", "e4", "e3", "e2", "e1"]
    assert found[0]["response"] == int(event(5)["correct"])


async def test_a_history_of_nobody_is_empty(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/students/nobody/events")).json()
    assert body == {"student_id": "nobody", "events": [], "next_cursor": None}


@pytest.mark.parametrize(
    "cursor", ["x", "W10=", "ÿ", "WyIyMDI2LTAzLTAxVDAwOjAwOjAwIiwxXQ==", HUGE, BEFORE_TIME]
)
async def test_a_cursor_that_is_not_ours_is_422(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/api/v1/students/anna/events", params={"cursor": cursor})
    assert answer.status_code == 422


async def test_the_timeline_ends_at_todays_mastery(
    client: httpx.AsyncClient, event: Event, classroom: Classroom
) -> None:
    await client.post("/api/v1/events", json=[event(n) for n in range(12)])
    points = (await client.get("/api/v1/students/anna/timeline?limit=5")).json()["points"]
    assert [point["event_id"] for point in points] == ["e7", "e8", "e9", "e10", "e11"]
    today = (await client.get("/api/v1/mastery/anna")).json()["skills"]
    assert all(mastery in today for mastery in points[-1]["mastery"])
    skill = classroom.tracer.vocabulary.items[0].skill_ids[0]
    of_skill = (await client.get("/api/v1/students/anna/timeline", params={"skill": skill})).json()["points"]
    assert of_skill
    assert all([m["skill_id"] for m in point["mastery"]] == [skill] for point in of_skill)
    assert (await client.get("/api/v1/students/anna/timeline?skill=alchemy")).status_code == 404


async def test_a_listener_hears_of_each_stored_answer_once(
    client: httpx.AsyncClient, event: Event, classroom: Classroom
) -> None:
    subscription = classroom.broker.subscribe(LOCAL, "anna")
    stream = listen(classroom, subscription)
    assert await anext(stream) == HELLO
    await client.post("/api/v1/events", json=event(1))
    await client.post("/api/v1/events", json=[event(1), event(2, student_id="ben"), event(3)])
    heard = [await anext(stream), await anext(stream)]
    data = [orjson.loads(message.split(b"data: ")[1]) for message in heard]
    assert [message.split(b"\n")[0] for message in heard] == [b"event: answer"] * 2
    assert [(d["event_id"], d["student_id"], d["num_answers"]) for d in data] == [
        ("e1", "anna", 1),
        ("e3", "anna", 2),
    ]
    assert data[0]["mastery"][0]["interaction_count"] == 1
    classroom.broker.close()
    assert await anext(stream) == GOODBYE
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_listener_is_told_that_the_model_failed(
    client: httpx.AsyncClient, event: Event, classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the graph is broken")

    subscription = classroom.broker.subscribe(LOCAL, "anna")
    await client.post("/api/v1/events", json=event(1))
    monkeypatch.setattr(classroom.tracer._steps, "answer", broken)
    sent = await client.post("/api/v1/events", json=event(2))
    assert (sent.status_code, sent.json()["degraded"]) == (200, True)
    fine, failed = [orjson.loads((await subscription.next(1) or b"").split(b"data: ")[1]) for _ in range(2)]
    assert (fine["model_version"], fine["degraded"]) == (classroom.tracer.version, False)
    assert (failed["model_version"], failed["degraded"], failed["mastery"]) == (None, True, [])
    assert failed["notes"] == sent.json()["notes"]


async def test_a_quiet_stream_has_a_heartbeat(classroom: Classroom) -> None:
    object.__setattr__(
        classroom.settings, "__dict__", {**classroom.settings.__dict__, "stream_heartbeat_seconds": 0.01}
    )
    stream = listen(classroom, classroom.broker.subscribe(LOCAL, "anna"))
    assert [await anext(stream), await anext(stream)] == [HELLO, HEARTBEAT]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_reader_gone_before_the_first_byte_gives_its_place_back(classroom: Classroom) -> None:
    """A pipelined request of a closed socket: the response is sent to nobody, and its stream never starts."""
    subscription = classroom.broker.subscribe(LOCAL, "anna")
    stream = EventStream(
        listen(classroom, subscription), release=lambda: classroom.broker.unsubscribe(subscription)
    )

    async def gone(_: object) -> None:
        raise OSError("the socket is closed")

    async def disconnected() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with contextlib.suppress(OSError, ClientDisconnect):
        await stream({"type": "http", "asgi": {"spec_version": "2.4"}}, disconnected, gone)
    assert classroom.broker.num_subscribers == 0


async def test_a_slow_listener_is_dropped_and_the_others_hear_on() -> None:
    broker = Broker(max_subscribers=5, max_of_student=1)
    slow, quick = broker.subscribe(LOCAL, "anna"), broker.subscribe(LOCAL, "anna")
    for number in range(MOST_WAITING + 1):
        broker.publish("default", "anna", lambda n=number: b"%d" % n)
        assert await quick.next(1) == b"%d" % number
    assert await slow.next(1) is None
    assert broker.num_subscribers == 1


async def test_too_many_listeners_are_refused() -> None:
    broker = Broker(max_subscribers=1, max_of_student=1)
    broker.subscribe(LOCAL, "anna")
    with pytest.raises(UnavailableError, match="1 streams are open"):
        broker.subscribe(LOCAL, "ben")


async def test_one_caller_leaves_streams_for_others() -> None:
    broker = Broker(max_subscribers=8, max_of_student=2)
    student = Caller("north", "key:1", Role.STUDENT, "anna")
    first = broker.subscribe(student, "anna")
    broker.subscribe(replace(student, subject="key:2"), "anna")
    with pytest.raises(TooManyError, match="has 2 streams open, the most that one may have: close one"):
        broker.subscribe(student, "anna")
    broker.unsubscribe(first)
    broker.unsubscribe(first)
    broker.subscribe(student, "anna")
    with pytest.raises(TooManyError):
        broker.subscribe(student, "anna")
    broker.end_all()
    for _ in range(2):
        broker.subscribe(student, "anna")


@pytest.mark.parametrize("most", [8, 9])
async def test_a_tenant_has_every_stream_until_another_asks_for_its_half(most: int) -> None:
    broker = Broker(max_subscribers=most, max_of_student=2)
    north, south = Caller("north", "key:1", Role.SERVICE), Caller("south", "key:2", Role.EDUCATOR)
    theirs = [broker.subscribe(north, f"s{number}") for number in range(most)]
    with pytest.raises(UnavailableError, match=f"{most} streams are open"):
        broker.subscribe(replace(north, subject="key:3"), "anna")
    ours = [broker.subscribe(south, "anna") for _ in range(4)]
    with pytest.raises(UnavailableError):
        broker.subscribe(south, "anna")
    assert broker.num_subscribers == most
    for subscription in theirs[-4:]:
        assert await subscription.next(1) is None
    broker.publish("south", "anna", lambda: b"heard")
    for number in range(most - 4):
        broker.publish("north", f"s{number}", lambda: b"heard")
    assert [await one.next(1) for one in (*ours, *theirs[:-4])] == [b"heard"] * most
    broker.unsubscribe(ours[0])
    broker.subscribe(north, "anna")


async def test_nobody_gives_way_to_a_reader_who_may_not_have_more() -> None:
    broker = Broker(max_subscribers=8, max_of_student=1)
    anna = Caller("south", "key:2", Role.STUDENT, "anna")
    broker.subscribe(anna, "anna")
    for number in range(7):
        broker.subscribe(Caller("north", "key:1", Role.SERVICE), f"s{number}")
    with pytest.raises(TooManyError, match="has 1 streams open"):
        broker.subscribe(anna, "anna")
    assert broker.num_subscribers == 8


async def test_a_message_nobody_hears_is_never_built() -> None:
    broker = Broker(max_subscribers=1, max_of_student=1)
    broker.subscribe(LOCAL, "anna")
    built: list[str] = []

    def message_for(student_id: str) -> bytes:
        built.append(student_id)
        return b""

    for student_id in ("ben", "anna"):
        broker.publish("default", student_id, lambda student_id=student_id: message_for(student_id))
    assert built == ["anna"]


async def test_waiting_ends_after_the_timeout() -> None:
    subscription = Broker(max_subscribers=1, max_of_student=1).subscribe(LOCAL, "anna")
    with pytest.raises(TimeoutError):
        await subscription.next(0.001)
    await asyncio.sleep(0)
