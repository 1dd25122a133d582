"""POST /api/v1/events: every good form, every bad one, and what each is answered."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from knowtrace.service.classroom import Classroom

Body = dict[str, Any]
Event = Callable[..., Body]
URL = "/api/v1/events"


async def test_one_answer_is_accepted_with_the_mastery_it_touched(
    client: httpx.AsyncClient, event: Event, classroom: Classroom
) -> None:
    answer = await client.post(URL, json=event())
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "accepted"
    assert body["model_version"] == classroom.tracer.version
    assert body["degraded"] is False
    assert body["reason"] is None
    [mastery] = body["mastery"][:1]
    low, high = mastery["interval"]
    assert 0 <= low <= mastery["mastery"] <= high <= 1
    assert mastery["interaction_count"] == 1


async def test_the_answer_repeats_the_word_the_caller_used(client: httpx.AsyncClient, event: Event) -> None:
    body = (await client.post(URL, json=event(student_id=..., user_id="anna"))).json()
    assert body["user_id"] == "anna"
    assert "student_id" not in body
    listed = await client.post(URL, json=[event(2), event(3, student_id=..., user_id="ben")])
    assert [set(result) & {"student_id", "user_id"} for result in listed.json()["results"]] == [
        {"student_id"},
        {"user_id"},
    ]


async def test_the_two_words_for_a_student_must_agree(client: httpx.AsyncClient, event: Event) -> None:
    assert (await client.post(URL, json=event(user_id="anna"))).status_code == 200
    assert (await client.post(URL, json=event(2, user_id="ben"))).status_code == 422


@pytest.mark.parametrize("wrap", [lambda events: events, lambda events: {"events": events}])
async def test_many_answers_each_get_their_own_result(
    client: httpx.AsyncClient, event: Event, wrap: Callable[[list[Body]], Any]
) -> None:
    events = [
        event(1),
        event(1),
        event(1, correct=not event(1)["correct"]),
        event(2, response=7, correct=...),
    ]
    answer = await client.post(URL, json=wrap(events))
    assert answer.status_code == 200
    body = answer.json()
    assert [result["status"] for result in body["results"]] == [
        "accepted",
        "duplicate",
        "rejected",
        "rejected",
    ]
    assert (body["num_accepted"], body["num_duplicate"], body["num_rejected"]) == (1, 1, 2)
    assert "another body" in body["results"][2]["reason"]
    assert "from 0 to 1" in body["results"][3]["reason"]


async def test_every_field_reaches_the_log(client: httpx.AsyncClient, event: Event, tmp_path: Path) -> None:
    full = event(elapsed_seconds=12.5, hints_used=2, attempt=3, session_id="lesson 1", skill_ids=["x"])
    assert (await client.post(URL, json=full)).status_code == 200
    connection = sqlite3.connect(tmp_path / "test.db")
    row = connection.execute(
        "SELECT student_id, response, elapsed_seconds, hints_used, attempt, session_id, skill_ids FROM events"
    ).fetchone()
    connection.close()
    assert row == ("anna", 1, 12.5, 2, 3, "lesson 1", '["x"]')


async def test_sending_again_is_a_duplicate_with_the_same_mastery(
    client: httpx.AsyncClient, event: Event
) -> None:
    first = (await client.post(URL, json=event())).json()
    again = await client.post(URL, json=event())
    assert again.status_code == 200
    assert again.json() == {**first, "status": "duplicate"}


async def test_the_same_id_with_another_body_is_409(client: httpx.AsyncClient, event: Event) -> None:
    await client.post(URL, json=event())
    answer = await client.post(URL, json=event(item_id="another item"))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "already stored with another body" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"response": 2, "correct": ...}, "response (2) must be a category"),
        ({"response": -1, "correct": ...}, "response (-1)"),
        ({"correct": ...}, "Neither correct nor response"),
        ({"correct": True, "response": 0}, "contradicts"),
        ({"answered_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "server's clock"),
    ],
)
async def test_a_broken_rule_is_400(
    client: httpx.AsyncClient, event: Event, changes: Body, words: str
) -> None:
    answer = await client.post(URL, json=event(**changes))
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({"correct": "yes"}, "correct"),
        ({"correct": 1}, "correct"),
        ({"response": "1"}, "response"),
        ({"response": True}, "response"),
        ({"elapsed_seconds": -1}, "elapsed_seconds"),
        ({"elapsed_seconds": "3"}, "elapsed_seconds"),
        ({"hints_used": -1}, "hints_used"),
        ({"attempt": 1.5}, "attempt"),
        ({"event_id": ...}, "event_id"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 201}, "event_id"),
        ({"student_id": "a\nb"}, "student_id"),
        ({"student_id": "a\u0000"}, "student_id"),
        ({"student_id": 7}, "student_id"),
        ({"item_id": None}, "item_id"),
        ({"skill_ids": "s1"}, "skill_ids"),
        ({"skill_ids": ["s"] * 21}, "skill_ids"),
        ({"answered_at": "2026-03-01T10:00:00"}, "answered_at"),
        ({"answered_at": "yesterday"}, "answered_at"),
        ({"answered_at": 1_700_000_000}, "answered_at"),
        ({"answered_at": "1700000000"}, "answered_at"),
        ({"answered_at": "0001-01-01T00:00:00+14:00"}, "answered_at"),
    ],
)
async def test_a_malformed_answer_is_422_and_says_where(
    client: httpx.AsyncClient, event: Event, changes: Body, field: str
) -> None:
    answer = await client.post(URL, json=event(**changes))
    assert answer.status_code == 422
    assert any(field in error["loc"] for error in answer.json()["errors"])


async def test_all_problems_are_reported_at_once(client: httpx.AsyncClient, event: Event) -> None:
    answer = await client.post(URL, json=[event(1, correct="x", foo=1), event(2, elapsed_seconds=-3)])
    found = [error["loc"][2:] for error in answer.json()["errors"]]
    assert found == [[0, "correct"], [0, "foo"], [1, "elapsed_seconds"]]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"null",
        b"7",
        b"[]",
        b'{"events": []}',
        b'{"events": [1]}',
        b'{"event_id": "\xff"}',
        b'{"event_id": "e", "student_id": "a", "item_id": "i", "correct": true, '
        b'"answered_at": "2026-03-01T10:00:00Z", "elapsed_seconds": NaN}',
        b'{"event_id": "e", "student_id": "a", "item_id": "i", "correct": true, '
        b'"answered_at": "2026-03-01T10:00:00Z", "elapsed_seconds": Infinity}',
        b'{"event_id": "e", "student_id": "a", "item_id": "i", "correct": true, '
        b'"answered_at": "2026-03-01T10:00:00Z", "elapsed_seconds": 1e999}',
        b'{"event_id": "\\ud800", "student_id": "a", "item_id": "i", "correct": true, '
        b'"answered_at": "2026-03-01T10:00:00Z"}',
        b"[" * 5_000,
    ],
)
async def test_what_is_no_json_of_ours_is_422(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(URL, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_another_content_type_is_422(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        URL, content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 422


async def test_a_thousand_answers_are_one_call_and_one_more_is_413(
    client: httpx.AsyncClient, event: Event
) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    events = [
        event(n, student_id=f"s{n % 20}", answered_at=(day + timedelta(seconds=n)).isoformat())
        for n in range(1_001)
    ]
    too_many = await client.post(URL, json=events)
    assert too_many.status_code == 413
    assert "1001 events" in too_many.json()["detail"]
    accepted = await client.post(URL, json=events[:1_000])
    assert accepted.status_code == 200
    assert accepted.json()["num_accepted"] == 1_000


async def test_a_body_over_the_limit_is_413(client: httpx.AsyncClient, event: Event) -> None:
    answer = await client.post(URL, json=event(session_id="x" * 600_000))
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_over_the_limit_is_413_whatever_its_length_says(client: httpx.AsyncClient) -> None:
    async def chunks():
        for _ in range(20):
            yield b"x" * 50_000

    answer = await client.post(URL, content=chunks(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


async def test_an_item_never_seen_is_accepted_with_a_note(client: httpx.AsyncClient, event: Event) -> None:
    body = (await client.post(URL, json=event(item_id="never seen"))).json()
    assert body["status"] == "accepted"
    assert body["mastery"] == []
    assert any("not in the training data" in note for note in body["notes"])


async def test_late_answers_lead_to_the_same_mastery_as_answers_in_order(
    client: httpx.AsyncClient, event: Event
) -> None:
    for number in (5, 1, 4, 2, 3):
        await client.post(URL, json=event(number))
    await client.post(URL, json=[event(n, event_id=f"b{n}", student_id="ben") for n in range(1, 6)])
    late, in_order = [(await client.get(f"/api/v1/mastery/{s}?all=true")).json() for s in ("anna", "ben")]
    assert late["skills"] == in_order["skills"]


async def test_fifty_posts_of_one_student_at_once_all_count(client: httpx.AsyncClient, event: Event) -> None:
    answers = await asyncio.gather(*(client.post(URL, json=event(n)) for n in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await client.get("/api/v1/mastery/anna")).json()["num_answers"] == 50


async def test_a_locked_database_is_503_with_retry_after(
    client: httpx.AsyncClient, event: Event, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None, check_same_thread=False)
    # Beside the loop: the service may be in the midst of a transaction of its own.
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    answer = await client.post(URL, json=event())
    other.execute("ROLLBACK")
    other.close()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert (await client.post(URL, json=event())).json()["status"] == "accepted"
