"""Probes and metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from knowtrace.errors import RunError, UnavailableError
from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings


@pytest.mark.parametrize("path", ["/health", "/api/v1/health"])
async def test_live_asks_nothing(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/ready", "/api/v1/health/ready"])
async def test_ready_names_the_model(client: httpx.AsyncClient, classroom: Classroom, path: str) -> None:
    body = (await client.get(path)).json()
    assert body["status"] == "ready"
    assert body["model_version"] == classroom.tracer.version


async def test_without_a_database_it_lives_but_is_not_ready(
    client: httpx.AsyncClient, classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_store: object) -> None:
        raise UnavailableError("The database cannot answer.")

    monkeypatch.setattr(type(classroom.store), "ping", gone)
    answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
async def test_metrics_count_what_happened(
    client: httpx.AsyncClient, event: Callable[..., dict[str, Any]], path: str, classroom: Classroom
) -> None:
    await client.post("/api/v1/events", json=[event(1), event(1), event(2, response=9, correct=...)])
    await client.get("/api/v1/mastery/anna")
    answer = await client.get(path)
    assert answer.headers["content-type"].startswith("text/plain")
    for line in (
        'knowtrace_events_total{outcome="accepted"} 1.0',
        'knowtrace_events_total{outcome="duplicate"} 1.0',
        'knowtrace_events_total{outcome="rejected"} 1.0',
        "knowtrace_intake_waiting_events 0.0",
        "knowtrace_commit_duration_seconds_count 1.0",
        'ml_prediction_requests_total{batch_size_range="single",model_version="@",'
        'route="/api/v1/mastery/{student_id}"} 1.0',
        'ml_cache_operations_total{cache="student_state",operation="get",result="miss"} 1.0',
        "ml_active_models 1.0",
    ):
        assert line.replace("@", classroom.tracer.version) in answer.text
    for name in ("ml_model_load_duration_seconds", "ml_memory_usage_bytes", "ml_errors_total"):
        assert f"# TYPE {name.removesuffix('_total')}" in answer.text


async def test_a_run_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", run=tmp_path / "no run")
    app = create_app(settings)
    with pytest.raises(RunError, match="No finished run"):
        async with app.router.lifespan_context(app):
            pass


async def test_dependencies_stand_one_by_one(
    client: httpx.AsyncClient, classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (await client.get("/api/v1/health/dependencies")).json()
    assert body["status"] == "ok"
    assert [part["name"] for part in body["dependencies"]] == [
        "store", "intake", f"model {classroom.lineup.champion.version}",
    ]  # fmt: skip

    async def away() -> None:
        raise UnavailableError("postgresql://secret@host cannot be reached")

    monkeypatch.setattr(classroom.store, "ping", away)
    for _ in range(3):
        classroom.lineup.champion.breaker.failed()
    answer = await client.get("/api/v1/health/dependencies")
    assert answer.status_code == 200
    assert "secret" not in answer.text
    assert [part["status"] for part in answer.json()["dependencies"]] == ["away", "ok", "resting"]
    assert answer.json()["status"] == "impaired"


async def test_stats_count_what_happened(
    client: httpx.AsyncClient, event: Callable[..., dict[str, Any]]
) -> None:
    for number in (1, 2, 2):
        await client.post("/api/v1/events", json=event(number))
    body = (await client.get("/api/v1/stats")).json()
    assert body["answers_accepted"] == 2
    assert body["requests"] == 3
    assert body["live_auc"] is None, "too few answers for a figure"
    assert body["uptime_seconds"] > 0
