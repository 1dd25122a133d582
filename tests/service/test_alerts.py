"""What is wrong with the service is told once, by the delivery that messages about students have, and names none."""

import asyncio
import json
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowtrace.jobs import Ended
from knowtrace.service import watching
from knowtrace.service.classroom import Classroom
from knowtrace.service.metrics import Metrics
from knowtrace.service.schedules import work
from knowtrace.service.watching import QUIET, RULES, Watch
from knowtrace.settings import Settings
from service.identity.school import open_school
from service.receiver import Receiver

Body = dict[str, Any]
START = datetime.now(UTC)
"""The service of these tests looks too, at its own time: what happens from now on is not over to it."""
SOUND = {
    "knowtrace_live_auc": 0.8,
    "knowtrace_live_calibration_error": 0.02,
    "knowtrace_live_scored_answers": 2_000.0,
    "knowtrace_drift_unseen_share": 0.0,
    "knowtrace_drift_mix_shift": float("nan"),
    "knowtrace_drift_score_shift": 0.0,
}


@pytest.fixture
def settings(sqlite_url: str, tiny_run: Path) -> Settings:
    return Settings(
        database_url=sqlite_url,
        run=tiny_run,
        webhook_hosts=("127.0.0.1",),
        seal_key="0123456789abcdef" * 4,
        delivery_attempts=2,
        delivery_backoff_seconds=0.01,
        delivery_poll_seconds=0.02,
        alert_poll_seconds=0.05,
        roles_poll_seconds=0.05,
        live_quality_share=1.0,
        training_command=("train",),
        gate_options=("--data", "x"),
        job_workers=0,
    )


@pytest.fixture
async def receiver(client: httpx.AsyncClient) -> AsyncIterator[Receiver]:
    """Hears of alerts and of nothing else."""
    async with Receiver() as receiver:
        made = await client.post("/api/v1/webhooks", json={"url": receiver.url, "kinds": ["alert"]})
        assert made.status_code == 201, made.text
        yield receiver


def told(settings: Settings) -> list[Body]:
    connection = sqlite3.connect(settings.database_url.partition("///")[2])
    try:
        found = connection.execute(
            "SELECT body FROM outbox WHERE kind = 'alert' ORDER BY sequence"
        ).fetchall()
    finally:
        connection.close()
    return [json.loads(body) for (body,) in found]


def sound() -> Metrics:
    metrics = Metrics()
    metrics._figures = {name: lambda value=value: value for name, value in SOUND.items()}
    return metrics


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RULES", tuple(replace(rule, holds_for=timedelta(0)) for rule in RULES))


async def test_drift_is_told_once_and_names_no_student(
    client: httpx.AsyncClient,
    event: Callable[..., Body],
    receiver: Receiver,
    classroom: Classroom,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once(monkeypatch)
    strange = [event(number, item_id=f"new-{number}") for number in range(200)]
    assert (await client.post("/api/v1/events", json=strange)).status_code == 200
    await receiver.wait_for(1)
    await asyncio.sleep(0.3)  # six looks
    [message] = receiver.messages
    assert (message["kind"], message["tenant_id"]) == ("alert", "default")
    assert message["data"] == {
        "alert": "answers_drift",
        "state": "firing",
        "summary": "What is answered now differs from what the model was trained on.",
        "model_version": classroom.tracer.version,
        "figures": {"knowtrace_drift_unseen_share": 1.0},
    }
    assert b"anna" not in receiver.requests[0][1]


async def test_predictions_no_better_than_a_coin_are_told(
    client: httpx.AsyncClient,
    event: Callable[..., Body],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once(monkeypatch)
    draw = random.Random(1)
    for number in range(2):
        coins = [
            event(n, event_id=f"{number}-{n}", student_id=f"s{number}-{n % 25}", correct=draw.random() < 0.5)
            for n in range(600)
        ]
        assert (await client.post("/api/v1/events", json=coins)).status_code == 200
    async with asyncio.timeout(10):
        while "predicts_worse" not in (by_name := {m["data"]["alert"]: m["data"] for m in receiver.messages}):
            await asyncio.sleep(0.02)
    figures = by_name["predicts_worse"]["figures"]
    assert figures["knowtrace_live_auc"] < 0.65
    assert figures["knowtrace_live_scored_answers"] >= 1_000


async def test_a_rule_must_hold_and_is_told_once_by_all_processes_until_it_is_over(
    classroom: Classroom, receiver: Receiver, settings: Settings
) -> None:
    """The AUC's rule holds for an hour; what nobody saw for an hour is over, and told to be."""
    metrics = sound()
    auc = SOUND["knowtrace_live_auc"]
    metrics._figures["knowtrace_live_auc"] = lambda: auc
    parts = (classroom.store, classroom.mailroom, classroom.lineup, metrics)
    one, other = Watch(*parts), Watch(*parts)

    async def look(minutes: int) -> int:
        for watch in (one, other):
            await watch.look(START + timedelta(minutes=minutes))
        return len(told(settings))

    assert await look(0) == 0
    auc = 0.6
    assert [await look(minutes) for minutes in (1, 60, 61, 62, 90)] == [0, 0, 1, 1, 1]
    auc = 0.7
    assert await look(91) == 1
    auc = 0.6
    assert [await look(minutes) for minutes in (92, 148, 151, 152)] == [1, 1, 2, 3]
    auc = 0.7
    assert [await look(minutes) for minutes in (153, 213, 500)] == [3, 4, 4]
    first, *others = told(settings)
    assert first["alert"] == "predicts_worse"
    assert first["figures"] == {"knowtrace_live_auc": 0.6, "knowtrace_live_scored_answers": 2_000}
    assert [alert["state"] for alert in (first, *others)] == ["firing", "resolved"] * 2
    assert others[0] == {
        "alert": "predicts_worse",
        "state": "resolved",
        "summary": "No process has seen this for an hour.",
        "model_version": classroom.tracer.version,
        "figures": {},
    }


async def test_what_the_database_could_not_take_is_told_at_the_next_look(
    classroom: Classroom, receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = sound()
    watch = Watch(classroom.store, classroom.mailroom, classroom.lineup, metrics)
    metrics.fell_back("prior")
    with monkeypatch.context() as patch:
        patch.setattr(classroom.mailroom, "tell_alert", failing(classroom.mailroom.tell_alert))
        with pytest.raises(ConnectionAbortedError):
            await watch.look(START)
    assert told(settings) == []
    await watch.look(START + timedelta(seconds=1))
    assert [alert["alert"] for alert in told(settings)] == ["degraded"]


def failing(write: Callable[..., Any]) -> Callable[..., Any]:
    async def write_and_fail(*args: Any, **rest: Any) -> None:
        await write(*args, **rest)
        raise ConnectionAbortedError

    return write_and_fail


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("broken")


async def test_a_model_that_others_stand_in_for_is_told_once(
    client: httpx.AsyncClient, classroom: Classroom, receiver: Receiver
) -> None:
    classroom.tracer._steps.mastery = broken  # type: ignore[method-assign]
    classroom.tracer._of_anybody = None
    for number in range(5):
        assert (await client.get(f"/api/v1/mastery/s{number}")).json()["degraded"]
        await asyncio.sleep(0.06)
    await receiver.wait_for(1)
    await asyncio.sleep(0.2)
    [message] = receiver.messages
    assert message["data"]["alert"] == "degraded"
    assert message["data"]["model_version"] == classroom.tracer.version
    assert message["data"]["figures"]["knowtrace_fallbacks_total"] >= 1


async def test_a_schedule_that_fails_is_told_without_what_its_command_said(
    client: httpx.AsyncClient, app: FastAPI, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_command(arguments: Any, *, timeout_seconds: float) -> Ended:
        return Ended(2, "error: row 7 of anna")

    monkeypatch.setattr(work, "run_command", run_command)
    assert (await client.post("/api/v1/schedules/training/run")).status_code == 202
    await receiver.wait_for(1)
    [message] = receiver.messages
    assert message["data"]["alert"] == "schedule_failed"
    assert message["data"]["summary"].startswith("Schedule training, due ")
    assert message["data"]["summary"].endswith("UTC, ended as failed. GET /api/v1/schedules says why.")
    assert b"anna" not in receiver.requests[0][1]
    shown = (await client.get("/metrics")).text
    assert 'knowtrace_schedule_runs_total{outcome="failed",schedule="training"} 1.0' in shown
    assert 'knowtrace_schedule_runs_total{outcome="done",schedule="training"} 0.0' in shown


async def test_only_the_tenant_of_alerts_hears_of_them(tiny_run: Path, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'school.db'}"
    more: Body = {
        "webhook_hosts": ("127.0.0.1",),
        "seal_key": "0123456789abcdef" * 4,
        "delivery_poll_seconds": 0.02,
        "alerts_tenant": "south",
    }
    async with Receiver() as north, Receiver() as south, open_school(tiny_run, url, **more) as school:
        for tenant_id, receiver in (("north", north), ("south", south)):
            body = {"url": receiver.url, "kinds": ["alert"]}
            made = await school.ask((tenant_id, "admin"), "POST", "/api/v1/webhooks", json=body)
            assert made.status_code == 201
        classroom: Classroom = school.app.state.classroom
        metrics = sound()
        metrics.fell_back("prior")
        watch = Watch(classroom.store, classroom.mailroom, classroom.lineup, metrics)
        await watch.look(START)
        await south.wait_for(1)
        await asyncio.sleep(0.1)
        assert [message["tenant_id"] for message in south.messages] == ["south"]
        assert north.requests == []


async def test_a_dead_alert_is_about_nobody(
    client: httpx.AsyncClient, classroom: Classroom, settings: Settings
) -> None:
    metrics = sound()
    metrics.fell_back("prior")
    async with Receiver("error") as receiver:
        hook = (await client.post("/api/v1/webhooks", json={"url": receiver.url, "kinds": ["alert"]})).json()
        await Watch(classroom.store, classroom.mailroom, classroom.lineup, metrics).look(START)
        async with asyncio.timeout(10):
            while not (
                dead := (await client.get(f"/api/v1/webhooks/{hook['webhook_id']}/dead")).json()["messages"]
            ):
                await asyncio.sleep(0.02)
    assert dead[0]["student_id"] is None
    assert dead[0]["data"]["alert"] == "degraded"


async def test_nobody_who_wants_alerts_costs_no_transaction(
    classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = sound()
    metrics.fell_back("prior")
    monkeypatch.setattr(classroom.store, "transaction", broken)
    await Watch(classroom.store, classroom.mailroom, classroom.lineup, metrics).look(START + QUIET)
