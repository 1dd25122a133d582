"""Many predictions at once, and jobs: through HTTP, with the real workers and the real store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowtrace.errors import ModelError
from knowtrace.service.app import create_app
from knowtrace.service.batch import service as batch
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings

Body = dict[str, Any]
PREDICT, BATCH, SUBMIT = "/api/v1/predict", "/api/v1/predict/batch", "/api/v1/batch/submit"


@pytest.fixture
def settings(sqlite_url: str, tiny_run: Path) -> Settings:
    return Settings(
        database_url=sqlite_url,
        run=tiny_run,
        max_request_bytes=4 * 2**20,
        job_poll_seconds=0.05,
        job_lease_seconds=0.3,
        drain_seconds=1,
        callback_hosts=("hooks.example.org",),
        callback_key="a key that is long enough for this",  # type: ignore[arg-type]
    )


@pytest.fixture
def asked(classroom: Classroom) -> Callable[[int], Body]:
    items = classroom.tracer.vocabulary.items

    def make(number: int) -> Body:
        history = [
            {"item_id": items[n].item_id, "correct": True, "timestamp": f"2026-03-01T10:{n:02d}:00Z"}
            for n in range(number % 4)
        ]
        return {
            "user_id": f"s{number}",
            "attempt_history": history,
            "candidate_items": [items[number % len(items)].item_id],
        }

    return make


async def finished(client: httpx.AsyncClient, job_id: str, status: str = "completed") -> Body:
    async with asyncio.timeout(20):
        while True:
            found = (await client.get(f"/api/v1/batch/{job_id}/status")).json()
            if found["status"] == status:
                return found
            assert found["status"] in ("queued", "processing"), found
            await asyncio.sleep(0.02)


async def results(client: httpx.AsyncClient, job_id: str, limit: int = 100) -> list[Body]:
    found: list[Body] = []
    cursor = "0"
    while cursor is not None:
        page = (
            await client.get(f"/api/v1/batch/{job_id}/results", params={"cursor": cursor, "limit": limit})
        ).json()
        found += page["results"]
        cursor = page["next_cursor"]
    return found


def without_time(prediction: Body) -> Body:
    return {name: value for name, value in prediction.items() if name != "inference_time_ms"}


async def test_a_batch_answers_as_single_calls_do(
    client: httpx.AsyncClient, asked: Callable[[int], Body]
) -> None:
    requests = [asked(n) for n in range(6)]
    answer = await client.post(BATCH, json={"requests": requests, "priority": "high"})
    assert answer.status_code == 200
    body = answer.json()
    assert body["items_processed"] == 6
    assert body["total_inference_time_ms"] > 0
    singly = [(await client.post(PREDICT, json=one)).json() for one in requests]
    assert [without_time(p) for p in body["responses"]] == [without_time(p) for p in singly]
    assert body["model_version"] == singly[0]["model_version"]


async def test_a_batch_names_every_request_that_breaks_a_rule(
    client: httpx.AsyncClient, asked: Callable[[int], Body]
) -> None:
    bad = {**asked(1), "attempt_history": [{"item_id": "i", "timestamp": "2026-03-01T10:00:00Z"}]}
    answer = await client.post(BATCH, json={"requests": [asked(0), bad, bad]})
    assert answer.status_code == 400
    assert "requests[1]: attempt_history[0]" in answer.json()["detail"]
    assert "requests[2]: attempt_history[0]" in answer.json()["detail"]
    assert (await client.post(BATCH, json={"requests": []})).status_code == 422
    assert (await client.post(BATCH, json={"requests": [asked(0)] * 101})).status_code == 422
    called = await client.post(BATCH, json={"requests": [asked(0)], "callback_url": "https://x.org/"})
    assert called.status_code == 400
    assert "this call answers itself" in called.json()["detail"]


async def test_a_job_is_answered_later_as_single_calls_are(
    client: httpx.AsyncClient, asked: Callable[[int], Body]
) -> None:
    requests = [asked(n) for n in range(47)]
    requests[3] = {**asked(3), "attempt_history": [{"item_id": "i", "timestamp": "2026-03-01T10:00:00Z"}]}
    submitted = await client.post(SUBMIT, json={"requests": requests, "priority": "low"})
    assert submitted.status_code == 202
    job = submitted.json()
    assert (job["status"], job["num_items"], job["num_done"], job["priority"]) == ("queued", 47, 0, "low")
    done = await finished(client, job["job_id"])
    assert (done["num_done"], done["num_failed"], done["error_message"]) == (47, 1, None)
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]
    found = await results(client, job["job_id"], limit=10)
    assert [result["number"] for result in found] == list(range(47))
    assert found[3]["prediction"] is None
    assert "attempt_history[0]" in found[3]["error"]
    for number in (0, 1, 46):
        single = (await client.post(PREDICT, json=requests[number])).json()
        assert without_time(found[number]["prediction"]) == without_time(single)


async def test_results_wait_until_a_job_is_completed(
    client: httpx.AsyncClient, asked: Callable[[int], Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, go_on = asyncio.Event(), asyncio.Event()
    predict = batch.predict

    async def wait(*args: Any, **rest: Any) -> Any:
        computing.set()
        await go_on.wait()
        return await predict(*args, **rest)

    monkeypatch.setattr(batch, "predict", wait)
    job_id = (await client.post(SUBMIT, json={"requests": [asked(0)] * 40})).json()["job_id"]
    await computing.wait()
    early = await client.get(f"/api/v1/batch/{job_id}/results")
    assert early.status_code == 409
    assert f"Job {job_id} is processing, 0 of 40 requests are done" in early.json()["detail"]
    cancelled = await client.delete(f"/api/v1/batch/{job_id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    go_on.set()
    assert (await client.delete(f"/api/v1/batch/{job_id}")).json() == cancelled.json()
    assert (await client.get(f"/api/v1/batch/{job_id}/results")).status_code == 409


async def test_what_is_not_there_or_makes_no_sense_says_so(
    client: httpx.AsyncClient, asked: Callable[[int], Body]
) -> None:
    for method, path in (("GET", "status"), ("GET", "results"), ("DELETE", "")):
        answer = await client.request(method, f"/api/v1/batch/{'0' * 32}/{path}".rstrip("/"))
        assert (answer.status_code, answer.json()["title"]) == (404, "Not found")
    one = {"requests": [asked(0)]}
    assert (await client.post(SUBMIT, json={**one, "priority": "urgent"})).status_code == 422
    job_id = (await client.post(SUBMIT, json=one)).json()["job_id"]
    await finished(client, job_id)
    for cursor in ("x", "-1", "1" * 20):
        path = f"/api/v1/batch/{job_id}/results"
        assert (await client.get(path, params={"cursor": cursor})).status_code == 422
    behind = (await client.get(f"/api/v1/batch/{job_id}/results", params={"cursor": "5"})).json()
    assert (behind["results"], behind["next_cursor"]) == ([], None)


async def test_nobody_is_called_back_who_is_not_on_the_list(
    client: httpx.AsyncClient, asked: Callable[[int], Body]
) -> None:
    for url in ("https://evil.example.org/", "http://169.254.169.254/latest/meta-data"):
        answer = await client.post(SUBMIT, json={"requests": [asked(0)], "callback_url": url})
        assert answer.status_code == 400, url
        assert "is not among the hosts that this installation calls" in answer.json()["detail"]


async def test_the_largest_job_is_stored_quickly(
    client: httpx.AsyncClient, classroom: Classroom, asked: Callable[[int], Body]
) -> None:
    requests = [{"user_id": f"s{n}", "candidate_items": ["x"]} for n in range(10_000)]
    submitted = await client.post(SUBMIT, json={"requests": requests})
    assert submitted.status_code == 202
    assert (await client.post(SUBMIT, json={"requests": [*requests, requests[0]]})).status_code == 422
    assert (await client.delete(f"/api/v1/batch/{submitted.json()['job_id']}")).json()[
        "status"
    ] == "cancelled"


async def test_a_job_whose_models_all_fail_is_tried_again(
    client: httpx.AsyncClient, asked: Callable[[int], Body], monkeypatch: pytest.MonkeyPatch
) -> None:
    predict, failures = batch.predict, iter(range(3))

    async def fails(room: Classroom, *args: Any, **rest: Any) -> Any:
        if next(failures, None) is not None:
            raise ModelError("gone")
        return await predict(room, *args, **rest)

    monkeypatch.setattr(batch, "predict", fails)
    job_id = (await client.post(SUBMIT, json={"requests": [asked(0)]})).json()["job_id"]
    done = await finished(client, job_id)
    assert done["num_failed"] == 0


async def test_metrics_tell_of_jobs(
    client: httpx.AsyncClient, classroom: Classroom, asked: Callable[[int], Body]
) -> None:
    await finished(client, (await client.post(SUBMIT, json={"requests": [asked(0)]})).json()["job_id"])
    await asyncio.sleep(0.1)
    text = (await client.get("/metrics")).text
    assert 'knowtrace_jobs_waiting{errand="compute",priority="normal"} 0.0' in text
    assert 'knowtrace_job_duration_seconds_count{kind="predictions",status="completed"} 1.0' in text
    assert "# TYPE knowtrace_job_failures_total counter" in text


@pytest.fixture
async def restarts(settings: Settings) -> AsyncIterator[Callable[[], Any]]:
    """Open the application again and again on the same database."""

    def opened() -> Any:
        app = create_app(settings)
        return app, app.router.lifespan_context(app)

    yield opened


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_a_job_survives_a_worker_that_is_killed_and_a_restart(
    restarts: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies in the middle of the third part; another process does the rest, and no part twice."""
    requests = [{"user_id": f"s{n}", "candidate_items": ["x"]} for n in range(100)]
    predict, asked = batch.predict, []
    hanging = asyncio.Event()

    async def counted(room: Classroom, caller: Any, one: Any, **rest: Any) -> Any:
        if len(asked) == 50 and not hanging.is_set():
            hanging.set()
            await asyncio.Event().wait()
        asked.append(one.student)
        return await predict(room, caller, one, **rest)

    monkeypatch.setattr(batch, "predict", counted)
    app, lifespan = restarts()
    async with lifespan, client_of(app) as client:
        job_id = (await client.post(SUBMIT, json={"requests": requests})).json()["job_id"]
        await hanging.wait()
        for task in app.state.crew.tasks:
            task.cancel()
        assert (await client.get(f"/api/v1/batch/{job_id}/status")).json()["num_done"] == 40
    app, lifespan = restarts()
    async with lifespan, client_of(app) as client:
        done = await finished(client, job_id)
        assert (done["num_done"], done["num_failed"]) == (100, 0)
        found = await results(client, job_id)
    assert [result["prediction"]["user_id"] for result in found] == [f"s{n}" for n in range(100)]
    # The ten answers of the third part that were not stored are computed again, and nothing else is.
    assert asked == [f"s{n}" for n in range(50)] + [f"s{n}" for n in range(40, 100)]


async def test_live_calls_are_answered_while_a_job_runs(
    client: httpx.AsyncClient, classroom: Classroom, asked: Callable[[int], Body], event: Callable[..., Body]
) -> None:
    job_id = (await client.post(SUBMIT, json={"requests": [asked(n) for n in range(400)]})).json()["job_id"]
    for number in range(10):
        assert (await client.post("/api/v1/events", json=event(number))).status_code == 200
    status = (await client.get(f"/api/v1/batch/{job_id}/status")).json()
    assert status["num_done"] < 400, "the job was over before the live calls: this shows nothing"
    await finished(client, job_id)
