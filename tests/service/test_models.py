"""Models loaded, activated, taken back; canaries and shadows; and the ladder that answers when a model fails."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from fastapi import FastAPI
from onnx import numpy_helper

from knowtrace.registry import Run, seal_run
from knowtrace.service import lineup
from knowtrace.service.app import create_app
from knowtrace.service.breaker import FAILURES, REST_SECONDS, Breaker
from knowtrace.service.classroom import Classroom
from knowtrace.service.lineup import place_of
from knowtrace.settings import Settings
from knowtrace.sources import Dataset
from knowtrace.store import Casting, ModelRole, Store
from knowtrace.tracing import Tracer, threads
from knowtrace.training import Recipe, TrainingConfig, train
from service.receiver import Receiver
from tests.conftest import SilentReporter

Body = dict[str, Any]
MODELS = "/api/v1/models"


@pytest.fixture(scope="module")
def folder(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ: a served one and a candidate."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("served", 1), ("candidate", 2)):
        recipe = Recipe(
            model="dkt",
            settings={"embedding_dim": 8, "hidden_dim": 8},
            training=TrainingConfig(epochs=1, batch_answers=1024, learning_rate=0.02, seed=seed),
        )
        train(small_dataset, recipe, folder / name, reporter=SilentReporter())
    return folder


@pytest.fixture
def settings(sqlite_url: str, folder: Path) -> Settings:
    return Settings(
        database_url=sqlite_url,
        run=folder / "served",
        roles_poll_seconds=0.05,
        max_loaded_models=2,
        webhook_hosts=("127.0.0.1",),
        seal_key="0123456789abcdef" * 4,
        delivery_poll_seconds=0.02,
    )


@pytest.fixture
def versions(folder: Path) -> tuple[str, str]:
    return Run.open(folder / "served").version, Run.open(folder / "candidate").version


async def post(client: httpx.AsyncClient, path: str, version: str, **more: object) -> httpx.Response:
    return await client.post(f"{MODELS}/dkt/{path}", json={"version": version, **more})


def break_down(tracer: Tracer) -> None:
    """Let a model fail at whatever it is asked of all skills, of students it knows and of those it does not."""
    tracer._steps.mastery = broken  # type: ignore[method-assign]
    tracer._of_anybody = None


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the runtime is gone")


def not_a_number(*_: Any, **__: Any) -> Any:
    return np.full((60, 2), np.nan, dtype=np.float32)


async def test_models_are_listed_loaded_activated_and_taken_back(
    client: httpx.AsyncClient, versions: tuple[str, str]
) -> None:
    served, candidate = versions
    listed = {m["version"]: m for m in (await client.get(MODELS)).json()["models"]}
    assert listed[served]["parts"] == ["champion"]
    assert listed[served]["is_active"]
    assert listed[served]["parameters"] > 0
    assert 0 < listed[served]["performance_metrics"]["valid_auc"] < 1
    assert not listed[candidate]["is_loaded"]
    assert (await post(client, "load", candidate)).json()["is_loaded"]
    activated = await post(client, "activate", candidate)
    assert activated.status_code == 200
    assert activated.json()["parts"] == ["champion"]
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == candidate
    back = (await client.post(f"{MODELS}/rollback")).json()
    assert (back["version"], back["is_active"]) == (served, True)
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == served
    refused = await post(client, "unload", candidate)
    assert refused.status_code == 409
    assert "is previous" in refused.json()["detail"]


async def test_what_cannot_be_done_with_a_model_says_why(
    client: httpx.AsyncClient, versions: tuple[str, str], folder: Path
) -> None:
    served, candidate = versions
    assert (await client.post(f"{MODELS}/rollback")).status_code == 409
    assert (await post(client, "load", "dkt-nothing")).status_code == 404
    assert (await client.post(f"{MODELS}/gbdt/load", json={"version": candidate})).status_code == 404
    assert (await post(client, "unload", candidate)).status_code == 404
    assert (await post(client, "canary", served, share=0.5)).status_code == 409
    assert (await post(client, "canary", candidate, share=1.5)).status_code == 422
    assert (await post(client, "activate", "")).status_code == 422
    weights = folder / "candidate" / "model.safetensors"
    content = weights.read_bytes()
    try:
        weights.write_bytes(content[:-1] + b"x")
        altered = await post(client, "activate", candidate)
    finally:
        weights.write_bytes(content)
    assert altered.status_code == 500
    assert "not the one that was sealed" in altered.json()["detail"]
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == served


async def test_a_swap_under_load_mixes_no_answer(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    """While models are swapped again and again, every answer is exactly what the version it names would say."""
    served, candidate = versions
    classroom: Classroom = app.state.classroom
    items = [item.item_id for item in classroom.tracer.vocabulary.items[:5]]
    await post(client, "load", candidate)
    history = [
        {"item_id": item_id, "correct": n % 2 == 0, "timestamp": f"2026-03-01T10:{n:02d}:00Z"}
        for n, item_id in enumerate(items)
    ]
    asked = {"student_id": "x", "attempt_history": history, "candidate_items": items}
    expected = {}
    for version in versions:
        answer = await client.post("/api/v1/predict", json={**asked, "model_version": version})
        assert answer.json()["model_version"] == version
        expected[version] = answer.json()["predictions"]
    assert expected[served] != expected[candidate]
    is_over = False
    seen: list[str] = []

    async def ask() -> None:
        while not is_over:
            answer = await client.post("/api/v1/predict", json=asked)
            assert answer.status_code == 200
            body = answer.json()
            assert body["predictions"] == expected[body["model_version"]]
            assert not body["degraded"]
            seen.append(body["model_version"])

    async def send(number: int) -> None:
        while not is_over:
            seen_events.append(number)
            event = {
                "event_id": f"{number}-{len(seen_events)}",
                "student_id": f"s{number}",
                "item_id": items[0],
                "correct": True,
                "answered_at": "2026-03-01T10:00:00Z",
            }
            answer = await client.post("/api/v1/events", json=event)
            assert answer.json()["status"] == "accepted"
            assert answer.json()["model_version"] in versions

    seen_events: list[int] = []
    readers = [asyncio.create_task(ask()) for _ in range(4)] + [
        asyncio.create_task(send(n)) for n in range(3)
    ]
    for number in range(10):
        activated = await post(client, "activate", versions[(number + 1) % 2])
        assert activated.status_code == 200
        await asyncio.sleep(0.02)
    is_over = True
    await asyncio.gather(*readers)
    assert set(seen) == set(versions)


async def test_other_processes_follow(app: FastAPI, settings: Settings, versions: tuple[str, str]) -> None:
    second = create_app(settings)
    async with (
        second.router.lifespan_context(second),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as here,
        httpx.AsyncClient(transport=httpx.ASGITransport(second), base_url="http://test") as there,
    ):
        await post(here, "activate", versions[1])
        for _ in range(100):
            answer = (await there.get("/api/v1/mastery/anna")).json()
            if answer["model_version"] == versions[1]:
                break
            await asyncio.sleep(0.02)
        assert answer["model_version"] == versions[1]
    third = create_app(settings)
    async with (
        third.router.lifespan_context(third),
        httpx.AsyncClient(transport=httpx.ASGITransport(third), base_url="http://test") as later,
    ):
        assert (await later.get("/api/v1/mastery/anna")).json()["model_version"] == versions[1]


async def test_a_change_keeps_what_another_process_has_changed(
    client: httpx.AsyncClient, settings: Settings, versions: tuple[str, str]
) -> None:
    """The other process looks at the stored parts only at its start, and is then asked for changes of its own."""
    served, candidate = versions
    second = create_app(settings.model_copy(update={"roles_poll_seconds": 3_600}))
    async with (
        second.router.lifespan_context(second),
        httpx.AsyncClient(transport=httpx.ASGITransport(second), base_url="http://test") as there,
    ):
        await post(client, "activate", candidate)
        ended = (await there.delete(f"{MODELS}/canary")).json()["models"]
        assert {m["version"]: m["parts"] for m in ended} == {candidate: ["champion"], served: ["previous"]}
        assert (await there.get("/api/v1/mastery/anna")).json()["model_version"] == candidate
        await client.post(f"{MODELS}/rollback")
        refused = await post(there, "canary", served, share=0.5)
        assert refused.status_code == 409
        assert "is the champion" in refused.json()["detail"]
        back = (await there.post(f"{MODELS}/rollback")).json()
        assert (back["version"], back["parts"]) == (candidate, ["champion"])
    assert {role: c.version for role, c in (await stored_roles(settings)).items()} == {
        ModelRole.CHAMPION: candidate,
        ModelRole.PREVIOUS: served,
    }


async def test_a_change_is_refused_when_another_process_changes_the_parts_while_it_is_tried(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was first stays; here all is as it is stored at the next look."""
    candidate = versions[1]
    classroom: Classroom = app.state.classroom
    first = Casting(version=candidate, share=0.3, changed_at=datetime.now(UTC), changed_by="elsewhere")
    open_model = classroom.lineup.open

    def open_slowly(version: str, **how: Any) -> Any:
        asyncio.run_coroutine_threadsafe(store_parts(classroom, {ModelRole.CANARY: first}), loop).result(10)
        return open_model(version, **how)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(classroom.lineup, "open", open_slowly)
    refused = await post(client, "shadow", candidate)
    monkeypatch.undo()
    assert refused.status_code == 409
    assert "Another request changed the parts of models just now" in refused.json()["detail"]
    assert await classroom.store.roles() == {ModelRole.CANARY: first}
    await until(lambda: classroom.lineup.roles == {ModelRole.CANARY: first})
    assert (await post(client, "shadow", candidate)).json()["parts"] == ["canary", "shadow"]


async def test_a_canary_is_not_withdrawn_in_place_of_the_one_that_another_process_has_made_of_it(
    app: FastAPI, client: httpx.AsyncClient, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom: Classroom = app.state.classroom
    await post(client, "canary", versions[1], share=1.0)
    stored = classroom.store.roles
    now = Casting(version=versions[1], share=0.1, changed_at=datetime.now(UTC), changed_by="elsewhere")

    async def roles_then_changed() -> Any:
        found = await stored()
        await store_parts(classroom, {ModelRole.CANARY: now})
        monkeypatch.undo()
        return found

    for _ in range(FAILURES):
        classroom.lineup.get(versions[1]).breaker.failed()
    monkeypatch.setattr(classroom.store, "roles", roles_then_changed)
    await until(lambda: classroom.lineup.roles == {ModelRole.CANARY: now})
    assert await stored() == {ModelRole.CANARY: now}


async def test_ending_what_nobody_plays_writes_nothing(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    await post(client, "activate", versions[1])
    logged = (await client.get("/api/v1/audit")).json()
    before = await app.state.classroom.store.roles()
    for part in ("canary", "shadow"):
        assert (await client.delete(f"{MODELS}/{part}")).status_code == 200
    assert await app.state.classroom.store.roles() == before
    assert (await client.get("/api/v1/audit")).json() == logged


async def store_parts(classroom: Classroom, roles: dict[ModelRole, Casting]) -> None:
    """Do what another process does when it gives models their parts."""
    async with classroom.store.transaction() as transaction:
        await transaction.cast(roles)


async def stored_roles(settings: Settings) -> dict[ModelRole, Casting]:
    async with Store(settings.database_url) as store:
        return await store.roles()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", ["load", "activate", "canary", "shadow"])
async def test_a_run_of_the_folder_stands_a_trial_in_its_own_process_before_it_is_loaded(
    folder: Path, settings: Settings, tmp_path: Path, path: str
) -> None:
    """Its graphs are sealed and open, but do not agree with one another: the process that serves never opens them."""
    models = Path(shutil.copytree(folder, tmp_path / "models"))
    graph = onnx.load(models / "candidate" / "mastery.onnx")
    for tensor in graph.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) / 2, tensor.name))
    onnx.save(graph, models / "candidate" / "mastery.onnx")
    seal_run(models / "candidate")
    broken_version = Run.open(models / "candidate").version
    app = create_app(settings.model_copy(update={"run": models / "served"}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        more: Body = {"share": 0.5} if path == "canary" else {}
        refused = await post(client, path, broken_version, **more)
        assert refused.status_code == 500
        assert "does not stand its trial: Its graphs do not agree" in refused.json()["detail"]
        listed = (await client.get(MODELS)).json()["models"]
        [found] = [model for model in listed if model["version"] == broken_version]
        assert (found["is_loaded"], found["parts"]) == (False, [])
        assert (await client.get("/api/v1/mastery/anna")).json()["degraded"] is False


async def test_what_plays_a_part_is_not_tried_again_by_a_restart_or_a_rollback(
    client: httpx.AsyncClient, settings: Settings, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version is the hash of what was tried; a start or a way back must not wait for another trial."""
    assert (await post(client, "activate", versions[1])).status_code == 200

    def try_out(folder: Path) -> None:
        raise AssertionError(f"{folder} is tried again")

    monkeypatch.setattr(lineup, "try_out", try_out)
    second = create_app(settings)
    async with (
        second.router.lifespan_context(second),
        httpx.AsyncClient(transport=httpx.ASGITransport(second), base_url="http://test") as later,
    ):
        assert (await later.get("/api/v1/mastery/anna")).json()["model_version"] == versions[1]
        back = await later.post(f"{MODELS}/rollback")
        assert (back.status_code, back.json()["version"]) == (200, versions[0])


async def test_a_canary_answers_its_share_of_students_and_always_the_same(
    client: httpx.AsyncClient, versions: tuple[str, str]
) -> None:
    await post(client, "canary", versions[1], share=0.5)
    answered = {}
    for number in range(40):
        answer = (await client.get(f"/api/v1/mastery/s{number}")).json()
        answered[number] = answer["model_version"]
        expected = versions[1] if place_of("default", f"s{number}", versions[1]) < 0.5 else versions[0]
        assert answer["model_version"] == expected
        assert not answer["degraded"]
    assert 8 < list(answered.values()).count(versions[1]) < 32
    ended = (await client.delete(f"{MODELS}/canary")).json()
    assert ended["canary_share"] is None
    assert (await client.get("/api/v1/mastery/s1")).json()["model_version"] == versions[0]


def test_places_of_students_are_even_and_fixed() -> None:
    places = [place_of("default", f"s{n}", "dkt-1") for n in range(4_000)]
    assert abs(np.mean(places) - 0.5) < 4 * np.sqrt(1 / 12 / 4_000)
    # BLAKE2b-64 of "dkt-1\0default\0s0", worked out with b2sum -l 64.
    assert place_of("default", "s0", "dkt-1") == places[0]
    assert places[0] != place_of("default", "s0", "dkt-2") != place_of("other", "s0", "dkt-2")


async def test_a_canary_that_fails_is_withdrawn_and_its_students_are_answered(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    classroom: Classroom = app.state.classroom
    await post(client, "canary", versions[1], share=1.0)
    canary = classroom.lineup.get(versions[1])
    break_down(canary.tracer)
    for number in range(FAILURES):
        answer = await client.get(f"/api/v1/mastery/s{number}")
        assert answer.status_code == 200
        assert (answer.json()["model_version"], answer.json()["degraded"]) == (versions[0], True)
    for _ in range(100):
        listed = (await client.get(MODELS)).json()
        if listed["canary_share"] is None:
            break
        await asyncio.sleep(0.02)
    assert listed["canary_share"] is None
    answer = (await client.get("/api/v1/mastery/s1")).json()
    assert (answer["model_version"], answer["degraded"]) == (versions[0], False)
    text = (await client.get("/metrics")).text
    assert "knowtrace_rollbacks_total 1.0" in text
    assert f'knowtrace_model_failures_total{{version="{versions[1]}"}} 3.0' in text


async def test_a_canary_that_is_slow_is_withdrawn_and_its_students_are_answered_in_time(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str], event: Callable[..., Body]
) -> None:
    """It would take a minute for the replay of a student; the champion has the student's state as it is stored."""
    classroom = patient_for(app, seconds=2)
    await client.post("/api/v1/events", json=[event(number) for number in range(60)])
    await post(client, "canary", versions[1], share=1.0)
    canary = classroom.lineup.get(versions[1])
    observe = canary.tracer.observe

    def slowly(*given: Any) -> Any:
        time.sleep(1)
        return observe(*given)

    canary.tracer.observe = slowly  # type: ignore[method-assign]
    answers = await asyncio.gather(*(client.get("/api/v1/mastery/anna") for _ in range(FAILURES)))
    for answer in answers:
        assert answer.status_code == 200
        body = answer.json()
        assert (body["model_version"], body["degraded"], body["num_answers"]) == (versions[0], True, 60)
    await until(lambda: ModelRole.CANARY not in classroom.lineup.roles)
    answer = await client.get("/api/v1/mastery/anna")
    assert (answer.json()["model_version"], answer.json()["degraded"]) == (versions[0], False)
    assert min(canary.breaker.seconds) > 0.9
    text = (await client.get("/metrics")).text
    assert "knowtrace_rollbacks_total 1.0" in text
    assert f'knowtrace_model_failures_total{{version="{versions[1]}"}} 3.0' in text
    assert 'knowtrace_fallbacks_total{model="dkt"} 3.0' in text
    # The replays that were cut off end at their next step.
    await until(lambda: not canary.tracer.threads._left)


async def test_a_model_that_hangs_is_left_alone_and_those_below_it_answer(
    client: httpx.AsyncClient,
    app: FastAPI,
    versions: tuple[str, str],
    event: Callable[..., Body],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Timelines are replayed one at a time: one that hangs must not keep the permit."""
    monkeypatch.setattr(threads, "STUCK_SECONDS", 0.0)
    classroom = patient_for(app, seconds=2)
    await client.post("/api/v1/events", json=[event(number) for number in range(5)])
    champion, hang = classroom.lineup.champion, threading.Event()
    champion.tracer.answer = lambda *_: hang.wait()  # type: ignore[assignment,method-assign,return-value]
    try:
        for _ in range(3):
            answer = await client.get("/api/v1/students/anna/timeline")
            assert answer.status_code == 200
            body = answer.json()
            assert (body["model_version"], body["degraded"]) == (f"item-counts-of-{versions[0]}", True)
            assert len(body["points"]) == 5
        assert champion.is_resting
        assert champion.breaker.num_failures == 2, "after two it is not even asked"
        assert not classroom.replays.locked()
        [model] = [
            part
            for part in (await client.get("/api/v1/health/dependencies")).json()["dependencies"]
            if part["name"] == f"model {versions[0]}"
        ]
        assert model["status"] == "resting"
    finally:
        hang.set()
    await until(lambda: not champion.is_resting)


async def test_a_canary_that_hangs_is_withdrawn(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str], event: Callable[..., Body]
) -> None:
    classroom = patient_for(app, seconds=1)
    await client.post("/api/v1/events", json=event(1))
    await post(client, "canary", versions[1], share=1.0)
    canary, hang = classroom.lineup.get(versions[1]), threading.Event()
    canary.tracer.observe = lambda *_: hang.wait()  # type: ignore[assignment,method-assign,return-value]
    try:
        for _ in range(2):
            assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == versions[0]
        await until(lambda: ModelRole.CANARY not in classroom.lineup.roles)
    finally:
        hang.set()


def patient_for(app: FastAPI, *, seconds: float) -> Classroom:
    """Let the service take so long for an answer."""
    classroom: Classroom = app.state.classroom
    changed = classroom.settings.model_copy(update={"answer_within_seconds": seconds})
    object.__setattr__(classroom, "settings", changed)
    return classroom


async def test_a_withdrawn_canary_is_told_in_the_transaction_that_withdraws_it(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first withdrawal is undone with its message; the next look does both, once."""
    mailroom = app.state.classroom.mailroom
    tell, num_tried = mailroom.tell_alert, 0

    async def tell_and_fail_first(*args: Any, **rest: Any) -> None:
        nonlocal num_tried
        num_tried += 1
        await tell(*args, **rest)
        if num_tried == 1:
            raise ConnectionAbortedError

    monkeypatch.setattr(mailroom, "tell_alert", tell_and_fail_first)
    async with Receiver() as receiver:
        body = {"url": receiver.url, "kinds": ["alert"]}
        assert (await client.post("/api/v1/webhooks", json=body)).status_code == 201
        await post(client, "canary", versions[1], share=1.0)
        for _ in range(FAILURES):
            app.state.classroom.lineup.get(versions[1]).breaker.failed()
        await receiver.wait_for(1)
        await asyncio.sleep(0.2)
        [message] = receiver.messages
    assert num_tried == 2
    assert message["data"] == {
        "alert": "canary_withdrawn",
        "state": "firing",
        "summary": f"The canary was withdrawn: {versions[1]} failed 3 times.",
        "model_version": versions[1],
        "figures": {},
    }
    assert (await client.get(MODELS)).json()["canary_share"] is None


async def test_a_canary_begins_without_the_failures_of_an_earlier_part(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    await post(client, "load", versions[1])
    for _ in range(FAILURES):
        app.state.classroom.lineup.get(versions[1]).breaker.failed()
    await post(client, "canary", versions[1], share=1.0)
    await asyncio.sleep(0.3)
    listed = (await client.get(MODELS)).json()
    assert listed["canary_share"] == 1.0
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == versions[1]


async def test_each_rung_of_the_ladder_answers_and_is_named(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str], event: Callable[..., Body]
) -> None:
    """Champion, previous, item counts, prior: broken one after the other, each by another kind of failure."""
    served, candidate = versions
    classroom: Classroom = app.state.classroom
    lineup = classroom.lineup
    await post(client, "activate", candidate)
    for number in range(4):
        await client.post("/api/v1/events", json=event(number))

    async def answer() -> Body:
        found = await client.get("/api/v1/mastery/anna?all=true")
        assert found.status_code == 200
        return found.json()

    first = await answer()
    assert (first["model_version"], first["degraded"]) == (candidate, False)
    lineup.get(candidate).tracer._steps.mastery = not_a_number  # type: ignore[method-assign]
    second = await answer()
    assert (second["model_version"], second["degraded"]) == (served, True)
    assert second["num_answers"] == 4
    break_down(lineup.get(served).tracer)
    third = await answer()
    assert (third["model_version"], third["degraded"]) == (f"item-counts-of-{candidate}", True)
    assert {tuple(skill["interval"]) for skill in third["skills"]} == {(0.0, 1.0)}
    counts = next(m for m in lineup.ladder(lineup.champion) if m.tracer.name == "item-counts")
    break_down(counts.tracer)
    fourth = await answer()
    assert (fourth["model_version"], fourth["degraded"]) == (f"prior-of-{candidate}", True)
    assert 'knowtrace_fallbacks_total{model="prior"} 1.0' in (await client.get("/metrics")).text
    page = await client.post("/api/v1/recommendations", json={"student_id": "anna", "skill": "nothing"})
    assert page.status_code == 404, "an unknown skill is nobody's failure"


async def test_an_erased_student_is_forgotten_by_stand_ins_and_by_the_first_model_though_it_is_unloaded(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str], event: Callable[..., Body]
) -> None:
    classroom: Classroom = app.state.classroom
    lineup = classroom.lineup
    await client.post("/api/v1/events", json=event(1))
    await post(client, "activate", versions[1])
    ladder = list(lineup.ladder(lineup.champion))
    for model in ladder:
        await model.followed.look(classroom.store, "default", "anna")
    lineup._max_loaded = 1
    lineup.take([], {ModelRole.CHAMPION: lineup.roles[ModelRole.CHAMPION]})
    assert [model.version for model in lineup.loaded] == [versions[1]]
    assert [len(model.followed._kept) for model in ladder] == [1] * 4
    lineup.forget(None)
    assert [len(model.followed._kept) for model in ladder] == [0] * 4


async def test_a_shadow_changes_nothing_and_is_measured(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    classroom: Classroom = app.state.classroom
    before = (await client.get("/api/v1/mastery/anna")).content
    await post(client, "shadow", versions[1])
    assert (await client.get("/api/v1/mastery/anna")).content == before
    await asyncio.gather(*classroom.shadows)
    text = (await client.get("/metrics")).text
    assert f'knowtrace_shadow_difference_count{{version="{versions[1]}"}} 1.0' in text
    break_down(classroom.lineup.get(versions[1]).tracer)
    assert (await client.get("/api/v1/mastery/anna")).content == before
    await asyncio.gather(*classroom.shadows)
    assert (
        f'knowtrace_model_failures_total{{version="{versions[1]}"}} 1.0'
        in (await client.get("/metrics")).text
    )


async def test_no_more_models_are_kept_than_may_be(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    lineup = app.state.classroom.lineup
    await post(client, "activate", versions[1])
    lineup._max_loaded = 1
    await client.post(f"{MODELS}/rollback")
    assert {model.version for model in lineup.loaded} == set(versions), "both play a part"


def test_a_breaker_rests_a_model_that_fails_and_asks_it_again() -> None:
    now = 0.0
    breaker = Breaker(clock=lambda: now)
    for _ in range(FAILURES):
        assert not breaker.is_open
        breaker.failed()
    assert breaker.is_open
    now = 6.0
    assert not breaker.is_open
    breaker.succeeded(0.01)
    breaker.failed()
    assert not breaker.is_open, "failures must come in a row"


def test_a_breaker_lets_one_through_after_the_rest_and_the_others_when_that_went_well() -> None:
    now = 0.0
    breaker = Breaker(clock=lambda: now)
    for _ in range(FAILURES):
        breaker.failed()
    now = REST_SECONDS
    assert [breaker.lets_through() for _ in range(4)] == [True, False, False, False]
    breaker.failed()
    now += REST_SECONDS - 0.1
    assert not breaker.lets_through()
    now += 0.1
    assert [breaker.lets_through() for _ in range(2)] == [True, False]
    now += REST_SECONDS
    assert [breaker.lets_through() for _ in range(2)] == [True, False], "the one before was not heard of"
    breaker.succeeded(0.01)
    assert [breaker.lets_through() for _ in range(2)] == [True, True]


async def test_after_its_rest_a_model_is_asked_by_one_request_of_many(
    client: httpx.AsyncClient, app: FastAPI, versions: tuple[str, str]
) -> None:
    classroom: Classroom = app.state.classroom
    champion, now, num_asked = classroom.lineup.champion, 0.0, 0

    def fail(*_: Any, **__: Any) -> Any:
        nonlocal num_asked
        num_asked += 1
        time.sleep(0.1)
        raise RuntimeError("the runtime is gone")

    steps = champion.tracer._steps.mastery
    break_down(champion.tracer)
    champion.tracer._steps.mastery = fail  # type: ignore[method-assign]
    champion.breaker._clock = lambda: now
    for _ in range(FAILURES):
        champion.breaker.failed()

    async def ask(number: int) -> list[bool]:
        answers = await asyncio.gather(*(client.get("/api/v1/mastery/anna") for _ in range(number)))
        assert {answer.status_code for answer in answers} == {200}
        return sorted(answer.json()["degraded"] for answer in answers)

    now = REST_SECONDS
    assert await ask(5) == [True] * 5
    assert num_asked == 1
    now = 2 * REST_SECONDS
    champion.tracer._steps.mastery = steps  # type: ignore[method-assign]
    assert (await ask(1), await ask(5)) == ([False], [False] * 5)


async def test_an_answer_that_takes_too_long_is_unavailable(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowtrace.service.mastery import endpoints

    async def slow(*_: object) -> None:
        await asyncio.sleep(5)

    monkeypatch.setattr(endpoints, "student_mastery", slow)
    patient_for(app, seconds=0.05)
    answer = await client.get("/api/v1/mastery/anna")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "No answer within 0.05 s" in answer.json()["detail"]
