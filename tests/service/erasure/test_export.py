"""What is kept of a student can be taken elsewhere, whole."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from store.conftest import empty

from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings
from knowtrace.store import portability
from knowtrace.store.erasure import OF_STUDENT
from knowtrace.store.portability import KINDS, NOT_HANDED_OUT
from tests.store import belongings

Body = dict[str, Any]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


async def lines_of(client: httpx.AsyncClient, student_id: str = "anna") -> list[Body]:
    answer = await client.get(f"/api/v1/students/{student_id}/export")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
async def elsewhere(tmp_path: Path, tiny_run: Path) -> Any:
    """Another, empty service with the same model."""
    app = create_app(Settings(database_url=f"sqlite+aiosqlite:///{tmp_path / 'elsewhere.db'}", run=tiny_run))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield app, client


async def test_own_events_round_trip(
    client: httpx.AsyncClient,
    classroom: Classroom,
    event: Callable[..., Body],
    elsewhere: tuple[FastAPI, httpx.AsyncClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sent to an empty service, the exported answers lead to the same state bit for bit, and the same mastery."""
    monkeypatch.setattr(portability, "PAGE", 50)
    monkeypatch.setattr("knowtrace.service.export.service.PAGE", 50)
    sent = [event(number, elapsed_seconds=number / 7, session_id="s") for number in range(120)]
    same_time = [event(200 + n, answered_at=sent[3]["answered_at"]) for n in range(3)]
    await client.post("/api/v1/events", json=[*sent[60:], *sent[:60], *same_time])
    corrected = {**sent[10], "correct": not sent[10]["correct"]}
    del corrected["event_id"]
    assert (await client.put("/api/v1/events/e10", json=corrected)).status_code == 200
    assert (await client.delete("/api/v1/events/e11")).status_code == 200
    lines = await lines_of(client)
    events = [line for line in lines if line["kind"] == "event"]
    assert len(events) == 123
    assert sum(len(line["revisions"]) for line in events) == 2
    kept = [line["event"] for line in events if line["withdrawn_at"] is None]
    app, other = elsewhere
    answer = await other.post("/api/v1/events", json=kept)
    assert answer.json()["num_accepted"] == len(kept) == 122
    states = []
    for room in (classroom, app.state.classroom):
        async with room.store.reading("default") as session:
            states.append((await session.students.load(["anna"]))["anna"])
    assert states[0].vector.tobytes() == states[1].vector.tobytes()
    assert states[0].skills == states[1].skills
    there = await lines_of(other)
    for kind in ("mastery", "event"):
        mine = [line for line in lines if line["kind"] == kind and line.get("withdrawn_at") is None]
        theirs = [line for line in there if line["kind"] == kind]
        if kind == "event":
            assert [line["event"] for line in mine] == [line["event"] for line in theirs]
        else:
            assert [{**line, "updated_at": 0} for line in mine] == [
                {**line, "updated_at": 0} for line in theirs
            ]


async def test_all_that_is_kept_is_in_it_and_counted(
    client: httpx.AsyncClient, classroom: Classroom, event: Callable[..., Body]
) -> None:
    await client.post("/api/v1/events", json=[event(number) for number in range(5)])
    skill = classroom.tracer.vocabulary.skill_ids[0]
    await client.post("/api/v1/recommendations", json={"student_id": "anna", "skill": skill})
    await client.put("/api/v1/students/anna/consent", json={"training": True})
    await client.delete("/api/v1/events/e2")
    lines = await lines_of(client)
    counts = {kind: sum(line["kind"] == kind for line in lines) for kind in {line["kind"] for line in lines}}
    told = {kind: count for kind, count in lines[-1]["counts"].items() if count}
    assert lines[0]["schema_version"] == 1 and told | {"export": 1, "end": 1} == counts
    assert (counts["event"], counts["recommendation"], counts["consent"], counts["state"]) == (5, 1, 1, 1)
    actions = [line["action"] for line in lines if line["kind"] == "audit"]
    assert actions == ["answers.withdraw", "consent.give", "students.export"]
    assert '"hash"' not in json.dumps(lines)


async def test_what_was_another_students_is_not_shown(
    client: httpx.AsyncClient, event: Callable[..., Body]
) -> None:
    """An answer that was moved from one student to another: each sees that it was changed, not who the other is."""
    body = event(1, student_id="first-student")
    await client.post("/api/v1/events", json=body)
    moved = {**body, "student_id": "second-student"}
    del moved["event_id"]
    await client.put("/api/v1/events/e1", json=moved)
    first, second = await lines_of(client, "first-student"), await lines_of(client, "second-student")
    assert "second-student" not in json.dumps(first) and "first-student" not in json.dumps(second)
    assert [line["body"]["student_id"] for line in first if line["kind"] == "former_event"] == [
        "first-student"
    ]
    [own] = [line for line in second if line["kind"] == "event"]
    assert own["revisions"][0]["is_own"] is False and own["revisions"][0]["body"] is None


def test_every_table_that_erasure_knows_is_handed_out_or_told_why_not() -> None:
    """Generated from erasure's tables: one that is added there and not here fails."""
    assert set(KINDS.values()) | set(NOT_HANDED_OUT) == set(OF_STUDENT)
    assert not set(KINDS.values()) & set(NOT_HANDED_OUT)


@pytest.fixture(params=["sqlite", "postgresql"])
async def either(request: pytest.FixtureRequest, tmp_path: Path, tiny_run: Path) -> AsyncIterator[FastAPI]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'either.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    async with empty(url):
        pass
    # Nobody works on jobs or delivers: what was put there stays.
    app = create_app(Settings(database_url=url, run=tiny_run, job_workers=0))
    async with app.router.lifespan_context(app):
        yield app


async def test_of_every_table_each_line_is_handed_out_once_and_nothing_of_others(
    either: FastAPI, event: Callable[..., Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each kind there is one more than a page."""
    monkeypatch.setattr(portability, "PAGE", 2)
    monkeypatch.setattr("knowtrace.service.export.service.PAGE", 2)
    store = either.state.classroom.store
    transport = httpx.ASGITransport(either)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for student_id in ("anna", "ben"):
            sent = [event(n, event_id=f"{student_id} {n}", student_id=student_id) for n in range(3)]
            assert (await client.post("/api/v1/events", json=sent)).status_code == 200
            for number in range(3):
                async with store.writing("default") as session:
                    at = LONG_AGO + timedelta(days=number)
                    for keep in belongings.OF_NO_ANSWER.values():
                        await keep(session, student_id, at)
        async with store.writing("default") as session:
            await belongings.record(session, None, LONG_AGO, about_id="attempt of anna")
        lines = await lines_of(client)
    kinds = [line["kind"] for line in lines]
    assert set(kinds) == {*KINDS, "export", "audit", "end"} == {*lines[-1]["counts"], "export", "end"}
    assert {kind: kinds.count(kind) for kind in kinds if kind in KINDS} | {"mastery": 0} == {
        "event": 6, "former_event": 3, "state": 1, "mastery": 0, "consent": 1, "key": 6, "recommendation": 3,
        "record": 4, "message": 3, "job": 6, "job_request": 3, "job_result": 3,
    }  # fmt: skip
    for kind in ("record", "message", "job"):
        keys = [json.dumps(line) for line in lines if line["kind"] == kind]
        assert len(keys) == len(set(keys)), kind
    asked = [line for line in lines if line["kind"] == "job_request"]
    assert [(line["number"], line["request"]["user_id"]) for line in asked] == [(1, "anna")] * 3
    came_to = [line["result"]["prediction"]["student_id"] for line in lines if line["kind"] == "job_result"]
    assert came_to == ["anna"] * 3
    [state] = [line for line in lines if line["kind"] == "state"]
    async with store.reading("default") as session:
        stored = (await session.students.load(["anna"]))["anna"]
    assert state["vector"] == stored.vector.tolist()
    text = json.dumps(lines)
    for hidden in ("classmate", "heir", "ben", "hash of", "somebody", "callback"):
        assert hidden not in text, hidden
