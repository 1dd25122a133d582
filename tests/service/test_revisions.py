"""Answers corrected and withdrawn, through HTTP."""

from collections.abc import Callable
from typing import Any

import httpx

from knowtrace.service.identity.caller import LOCAL

Body = dict[str, Any]
EVENTS = "/api/v1/events"


async def test_a_correction_is_as_if_sent_so_at_once(
    client: httpx.AsyncClient, event: Callable[..., Body]
) -> None:
    """Two students get the same answers, one of them after a correction: their mastery is equal."""
    sent = [event(n) for n in range(1, 6)]
    for body in sent:
        await client.post(EVENTS, json=body)
        await client.post(EVENTS, json={**body, "event_id": f"b-{body['event_id']}", "student_id": "ben"})
    wrong = {**sent[2], "event_id": "e3", "correct": not sent[2]["correct"]}
    del wrong["event_id"]
    await client.put(f"{EVENTS}/e3", json=wrong)
    different = (await client.get("/api/v1/mastery/anna")).json()["skills"]
    assert different != (await client.get("/api/v1/mastery/ben")).json()["skills"]
    right = {key: value for key, value in sent[2].items() if key != "event_id"}
    answer = await client.put(f"{EVENTS}/e3", json=right)
    assert answer.status_code == 200
    assert answer.json() | {"mastery": []} == {
        "student_id": "anna",
        "event_id": "e3",
        "status": "corrected",
        "revision": 2,
        "mastery": [],
        "model_version": answer.json()["model_version"],
        "degraded": False,
    }
    same = (await client.get("/api/v1/mastery/anna")).json()["skills"]
    assert same == (await client.get("/api/v1/mastery/ben")).json()["skills"]
    again = await client.put(f"{EVENTS}/e3", json=right)
    assert (again.json()["status"], again.json()["revision"]) == ("unchanged", 2)
    assert again.json()["mastery"] == answer.json()["mastery"]


async def test_a_withdrawn_answer_was_never_there(
    client: httpx.AsyncClient, event: Callable[..., Body]
) -> None:
    for number in (1, 2):
        await client.post(EVENTS, json=event(number))
    answer = await client.delete(f"{EVENTS}/e1")
    assert answer.status_code == 200
    assert answer.json()["status"] == "withdrawn"
    assert (await client.delete(f"{EVENTS}/e1")).json()["status"] == "unchanged"
    history = (await client.get("/api/v1/students/anna/events")).json()["events"]
    assert [stored["event_id"] for stored in history] == ["e2"]
    retried = (await client.post(EVENTS, json=event(1))).json()
    assert retried["status"] == "duplicate"
    assert "withdrawn" in retried["notes"][-1]
    body = {key: value for key, value in event(1).items() if key != "event_id"}
    refused = await client.put(f"{EVENTS}/e1", json=body)
    assert refused.status_code == 409
    assert refused.headers["content-type"] == "application/problem+json"


async def test_what_is_not_stored_or_malformed_is_refused(
    client: httpx.AsyncClient, event: Callable[..., Body]
) -> None:
    body = {key: value for key, value in event(1).items() if key != "event_id"}
    assert (await client.put(f"{EVENTS}/nothing", json=body)).status_code == 404
    assert (await client.delete(f"{EVENTS}/nothing")).status_code == 404
    await client.post(EVENTS, json=event(1))
    named = await client.put(f"{EVENTS}/e1", json=event(1))
    assert named.status_code == 422, "the id stands in the path alone"
    late = await client.put(f"{EVENTS}/e1", json={**body, "answered_at": "2999-01-01T00:00:00Z"})
    assert late.status_code == 400
    assert (await client.delete(f"{EVENTS}/{'x' * 201}")).status_code == 422


async def test_readers_of_the_stream_hear_of_it(
    client: httpx.AsyncClient, event: Callable[..., Body], classroom: Any
) -> None:
    await client.post(EVENTS, json=event(1))
    subscription = classroom.broker.subscribe(LOCAL, "anna")
    await client.delete(f"{EVENTS}/e1")
    message = await subscription.next(1)
    assert message == (
        b'event: revision\ndata: {"event_id":"e1","student_id":"anna","is_withdrawn":true}\n\n'
    )
