"""A student who was everywhere is nowhere afterwards, and may begin anew."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from sqlalchemy import event
from store.conftest import empty

from knowtrace.registry import Run, seal_run
from knowtrace.registry.manifest import json_bytes
from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.service.erasure.endpoints import BELOW_A_STUDENT
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.settings import Settings
from knowtrace.store import Store
from knowtrace.store.tables import metadata
from service.identity.school import School, open_school

CANARY = "canary-7f3a9c"
ADMIN, STUDENT = ("north", "admin"), ("north", CANARY)
NORTH = Caller("north", "key:1", Role.EDUCATOR)
NUM_ANSWERS = 300
"""More than from one snapshot of a state to the next."""

Body = dict[str, Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
async def school(tiny_run: Path, database_url: str) -> AsyncIterator[School]:
    if database_url.startswith("postgresql"):
        async with empty(database_url):
            pass
    async with open_school(tiny_run, database_url, audit_key="a" * 32, roles_poll_seconds=0.05) as school:
        yield school


def body(school: School, number: int, student_id: str = CANARY) -> Body:
    items = school.classroom.tracer.vocabulary.items
    return {
        "event_id": f"{student_id}/{number}",
        "student_id": student_id,
        "item_id": items[number % len(items)].item_id,
        "correct": number % 3 != 0,
        "answered_at": f"2026-03-{1 + number // 600:02d}T{10 + number // 60 % 10:02d}:{number % 60:02d}:00Z",
        "session_id": f"session of {student_id}",
    }


async def seed(school: School, student_id: str = CANARY) -> None:
    """Leave something of a student in every table, and in everything that remembers."""
    bodies = [body(school, number, student_id) for number in range(NUM_ANSWERS)]
    sent = await school.ask(ADMIN, "POST", "/api/v1/events", json=bodies)
    assert sent.json()["num_accepted"] == NUM_ANSWERS, sent.text
    corrected = {**bodies[5], "correct": True}
    del corrected["event_id"]
    for method, rest in (("PUT", {"json": corrected}), ("DELETE", {})):
        answer = await school.ask(ADMIN, method, f"/api/v1/events/{bodies[5]['event_id']}", **rest)
        assert answer.status_code == 200, answer.text
    skill = school.classroom.tracer.vocabulary.skill_ids[0]
    asked = {"student_id": student_id, "skill": skill}
    assert (await school.ask(ADMIN, "POST", "/api/v1/recommendations", json=asked)).status_code == 200
    await school.issue("north", student_id, Role.STUDENT, student_id=student_id)
    for path in (f"/students/{student_id}", f"/api/v1/mastery/{student_id}"):
        assert (await school.ask(("north", student_id), "GET", path)).status_code == 200
    denied = await school.ask(("north", student_id), "DELETE", f"/api/v1/students/{student_id}")
    assert denied.status_code == 403  # the refusal is in the audit log
    await school.classroom.identity.journal.flush()
    asked = {"student_id": student_id, "candidate_items": ["x"]}
    for number in (1, 45):
        submitted = await school.ask(
            ADMIN, "POST", "/api/v1/batch/submit", json={"requests": [asked] * number, "priority": "low"}
        )
        assert submitted.status_code == 202, submitted.text


async def rows_with(store: Store, text: str) -> dict[str, int]:
    """Return how many rows of each table hold a text, in whatever column."""
    found: dict[str, int] = {}
    async with store._engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = (await connection.execute(sa.select(table))).all()
            if count := sum(text in repr(tuple(row)) for row in rows):
                found[table.name] = count
    return found


async def erase(school: School, student_id: str = CANARY) -> Body:
    answer = await school.ask(ADMIN, "DELETE", f"/api/v1/students/{student_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_nothing_of_an_erased_student_is_found_anywhere(
    school: School, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await seed(school)
    held = await rows_with(school.classroom.store, CANARY)
    assert {"events", "event_revisions", "student_states", "student_mastery", "student_snapshots", "recommendations",
            "api_keys"} <= set(held)  # fmt: skip
    receipt = await erase(school)
    # Whole jobs go: their parts and results go with them and are not counted.
    rows = {table: count for table, count in receipt["rows"].items() if count and not table.startswith("job")}
    assert rows == {table: count for table, count in held.items() if not table.startswith("job")}
    assert receipt["rows"]["jobs"] == 2
    assert await rows_with(school.classroom.store, CANARY) == {}
    assert CANARY not in json.dumps(receipt)
    assert CANARY not in (await school.ask(ADMIN, "GET", "/metrics")).text
    assert CANARY not in (await school.ask(ADMIN, "GET", "/api/v1/audit?limit=1000")).text
    assert CANARY not in repr(school.classroom.intake._committer._cache.keys())
    assert not school.app.state.timelines
    written = capsys.readouterr()
    assert "request" in written.out and CANARY not in written.out + written.err
    files = list(tmp_path.glob("test.db*"))
    for file in files:
        assert CANARY.encode() not in file.read_bytes(), file
    assert receipt["is_file_clean"] is (True if files else None)


async def test_what_hangs_below_a_student_is_not_taken_for_a_student(school: School) -> None:
    below = [route.path_format for route in iter_route_contexts(school.app.routes) if route.path_format]
    names = {path.rpartition("/")[2] for path in below if path.startswith("/api/v1/students/{student_id}/")}
    assert names == set(BELOW_A_STUDENT)
    for name, student_id in product(names, ("anna", "a" * 300)):
        answer = await school.ask(ADMIN, "DELETE", f"/api/v1/students/{student_id}/{name}")
        assert (answer.status_code, "DELETE" in answer.headers["allow"]) == (405, False)


async def test_the_receipt_says_what_was_trained_before_and_its_line_stands_in_the_audit_log(
    school: School,
) -> None:
    await seed(school)
    receipt = await erase(school)
    model = school.classroom.model
    [trained] = [m for m in receipt["models_trained_before"] if m["version"] == model.version]
    assert trained["is_loaded"] and trained["data_fingerprint"] == model.run.config["data"]["fingerprint"]
    assert any("Backups" in line for line in receipt["not_covered"])
    about = {"object": f"student:{CANARY}"}
    [line] = (await school.ask(ADMIN, "GET", "/api/v1/audit", params=about)).json()["lines"]
    assert receipt["audit_line"] == f"{line['sequence']}:{line['hash']}"
    assert line["action"] == f"students.erase {receipt['receipt_id']}"
    async with school.classroom.store.reading("north") as session:
        assert not (await session.audit.verify(expected_head=receipt["audit_line"])).problems


@pytest.mark.parametrize(
    "said", [b'{"name": "another", "fingerprint": "0"}', b"[1]", b'{"name": {"a": 1}, "fingerprint": null}']
)
async def test_a_receipt_believes_nothing_that_an_altered_run_says_of_its_data(
    classroom_of_copies: tuple[httpx.AsyncClient, Path, str], said: bytes
) -> None:
    """The student is erased whatever lies in the folder of models, and the run is named, but not believed."""
    client, altered, version = classroom_of_copies
    config = json.loads((altered / "config.json").read_bytes())
    (altered / "config.json").write_bytes(json.dumps({**config, "data": json.loads(said)}).encode())
    erased = await client.delete("/api/v1/students/anna")
    assert erased.status_code == 200, erased.text
    found = {model["version"]: model for model in erased.json()["models_trained_before"]}
    assert found[version] == {
        "version": version,
        "trained_at": None,
        "data": None,
        "data_fingerprint": None,
        "is_loaded": False,
    }
    [served] = [model for model in found.values() if model["is_loaded"]]
    assert served["data_fingerprint"] == config["data"]["fingerprint"]


@pytest.fixture
async def classroom_of_copies(
    tiny_run: Path, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Path, str]]:
    """A service with two runs in its folder of models: the one it serves, and another that a test may alter."""
    for name in ("served", "other"):
        shutil.copytree(tiny_run, tmp_path / name)
    metrics = tmp_path / "other" / "metrics.json"
    metrics.write_bytes(json_bytes({**json.loads(metrics.read_bytes()), "note": 1}))
    seal_run(tmp_path / "other")
    app = create_app(
        Settings(database_url=f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", run=tmp_path / "served")
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client, tmp_path / "other", Run.open(tmp_path / "other").version


async def test_the_same_id_begins_anew(school: School) -> None:
    """As somebody of whom nothing was ever sent, on pages too."""
    await seed(school)
    await erase(school)
    assert (await school.ask(ADMIN, "GET", f"/students/{CANARY}")).status_code == 404
    for student_id in (CANARY, "never-seen"):
        again = await school.ask(ADMIN, "POST", "/api/v1/events", json=body(school, 7, student_id))
        assert again.json()["status"] == "accepted"
        assert (await school.ask(ADMIN, "GET", f"/students/{student_id}")).status_code == 200
    async with school.classroom.store.reading("north") as session:
        students = await session.students.load([CANARY, "never-seen"])
    anew, new = students[CANARY], students["never-seen"]
    assert anew.num_answers == 1 and anew.vector.tobytes() == new.vector.tobytes()
    assert anew.skills == new.skills


async def test_answers_under_way_do_not_bring_a_student_back_half(school: School) -> None:
    """What is sent before the erasure goes with it; what is sent after it is all there is."""

    async def send(number: int) -> httpx.Response:
        return await school.ask(ADMIN, "POST", "/api/v1/events", json=body(school, number))

    answers = await asyncio.gather(
        *(send(n) for n in range(20)), erase(school), *(send(n) for n in range(20, 40))
    )
    assert all(answer.status_code == 200 for answer in answers if isinstance(answer, httpx.Response))
    kept = (await school.ask(ADMIN, "GET", f"/api/v1/students/{CANARY}/events")).json()["events"]
    async with school.classroom.store.reading("north") as session:
        stored = (await session.students.load([CANARY])).get(CANARY)
    assert (stored.num_answers if stored else 0) == len(kept)
    assert len(kept) + answers[20]["rows"]["events"] == 40


async def test_a_decision_under_way_does_not_bring_a_student_back(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowtrace.service.recommendations import service

    await school.ask(ADMIN, "POST", "/api/v1/events", json=body(school, 1))
    recommend: Callable[..., Any] = service.decide

    async def after_erasing(*args: Any, **rest: Any) -> Any:
        await erase(school)
        return await recommend(*args, **rest)

    monkeypatch.setattr(service, "decide", after_erasing)
    skill = school.classroom.tracer.vocabulary.skill_ids[0]
    asked = {"student_id": CANARY, "skill": skill}
    answer = await school.ask(ADMIN, "POST", "/api/v1/recommendations", json=asked)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert await rows_with(school.classroom.store, CANARY) == {}


async def test_streams_about_an_erased_student_end(school: School) -> None:
    await school.ask(ADMIN, "POST", "/api/v1/events", json=body(school, 1))
    classroom: Classroom = school.classroom
    about, other = (
        classroom.broker.subscribe(NORTH, CANARY),
        classroom.broker.subscribe(replace(NORTH, tenant_id="south"), CANARY),
    )
    await erase(school)
    assert await about.next(1.0) is None
    with pytest.raises(TimeoutError):
        await other.next(0.01)


async def test_an_erasure_of_its_own_is_not_heard_of_again(tiny_run: Path, database_url: str) -> None:
    """Only where another process erases does this one not know whom: then every stream ends."""
    async with open_school(tiny_run, database_url, audit_key="a" * 32, roles_poll_seconds=0.05) as school:
        other = school.classroom.broker.subscribe(NORTH, "bert")
        for number in (1, 2):
            await school.ask(ADMIN, "POST", "/api/v1/events", json=body(school, number))
            await erase(school)
            with pytest.raises(TimeoutError):
                await other.next(0.3)
        async with open_school(tiny_run, database_url, audit_key="a" * 32) as elsewhere:
            await elsewhere.ask(ADMIN, "POST", "/api/v1/events", json=body(elsewhere, 3))
            await erase(elsewhere)
            # Heard of by both processes in whatever order: the other's must not be taken for one's own.
            await erase(school)
        assert await other.next(5.0) is None


async def test_another_process_forgets_too(school: School, tiny_run: Path, database_url: str) -> None:
    """A second application on the same database has the student in memory, on a page and in a stream."""
    await school.ask(ADMIN, "POST", "/api/v1/events", json=[body(school, n) for n in range(5)])
    async with open_school(tiny_run, database_url, audit_key="a" * 32, roles_poll_seconds=0.05) as other:
        await other.ask(ADMIN, "POST", "/api/v1/events", json=body(other, 6))
        await other.ask(ADMIN, "GET", f"/students/{CANARY}")
        cache = other.classroom.intake._committer._cache
        assert ("north", CANARY) in cache and other.app.state.timelines
        stream = other.classroom.broker.subscribe(NORTH, CANARY)
        await erase(school)
        assert await stream.next(5.0) is None
        assert not cache and not other.app.state.timelines
        again = await other.ask(ADMIN, "POST", "/api/v1/events", json=body(other, 6))
        assert again.json()["status"] == "accepted"
        async with other.classroom.store.reading("north") as session:
            assert (await session.students.load([CANARY]))[CANARY].num_answers == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_search_of_the_file_would_find_what_is_not_overwritten(
    school: School, tmp_path: Path
) -> None:
    """Without SQLite's secure deletion the same search finds the student."""
    engine = school.classroom.store._writer.sync_engine

    @event.listens_for(engine, "checkout")
    def careless(connection: Any, *_: object) -> None:
        connection.cursor().execute("PRAGMA secure_delete = OFF")

    await seed(school)
    await erase(school)
    assert any(CANARY.encode() in file.read_bytes() for file in tmp_path.glob("test.db*"))
