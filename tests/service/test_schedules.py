"""Schedules through HTTP and on the command line; training in a process of its own, judged by the real gate."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from knowtrace.cli import app as commands
from knowtrace.errors import ConflictError, SettingsError, UnavailableError
from knowtrace.jobs import Ended
from knowtrace.lake import read_lake
from knowtrace.registry import Run
from knowtrace.service.app import create_app
from knowtrace.service.consents.training import refusing
from knowtrace.service.schedules import work
from knowtrace.settings import Settings
from knowtrace.sources import SimulationConfig, read, simulate, without_students, write_simulation
from knowtrace.store.audit import AuditLog
from knowtrace.training import Recipe, TrainingConfig, fingerprint, train
from tests.conftest import SilentReporter

SCHEDULES = "/api/v1/schedules"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answers") / "simulation"
    config = SimulationConfig(num_students=60, num_answers=20, num_items=12, num_skills=3, num_categories=2)
    write_simulation(simulate(config, seed=5), path)
    return path


@pytest.fixture(scope="module")
def first(answers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch, alone in its folder of models."""
    recipe = Recipe(model="elo", settings={}, training=TrainingConfig(epochs=1, batch_answers=1024))
    path = tmp_path_factory.mktemp("models") / "first"
    return train(read(answers), recipe, path, reporter=SilentReporter()).path


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path, first: Path, answers: Path) -> Settings:
    return Settings(
        database_url=sqlite_url,
        run=first,
        job_workers=0,
        export_folder=tmp_path / "exports",
        training_command=("train", "--model", "elo", "--data", str(answers), "--epochs", "4"),
        gate_options=("--data", str(answers)),
        drain_seconds=1,
    )


async def listed(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(SCHEDULES)
    assert answer.status_code == 200
    return {schedule["name"]: schedule for schedule in answer.json()["schedules"]}


async def run(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    begun = await client.post(f"{SCHEDULES}/{name}/run")
    assert begun.status_code == 202, begun.text
    due_at = begun.json()["due_at"]
    async with asyncio.timeout(120):
        while True:
            runs = (await listed(client))[name]["runs"]
            [found] = [run for run in runs if run["due_at"] == due_at]
            if found["outcome"] != "running":
                return found
            await asyncio.sleep(0.05)


async def test_schedules_say_when_they_are_due_and_what_they_lack(client: httpx.AsyncClient) -> None:
    found = await listed(client)
    assert [(name, schedule["rule"]) for name, schedule in found.items()] == [
        ("lake_erasure", "0 1 * * *"),
        ("ingestion", "0 2 * * *"),
        ("mastery_aggregation", "30 2 * * *"),
        ("item_parameters", "0 3 * * *"),
        ("retention", "30 3 * * *"),
        ("training", "0 4 * * 0"),
    ]
    due = {
        name: datetime.fromisoformat(schedule["next_due_at"])
        for name, schedule in found.items()
        if schedule["is_configured"]
    }
    assert {name: f"{at:%H:%M %Z}" for name, at in due.items()} == {
        "mastery_aggregation": "02:30 UTC",
        "item_parameters": "03:00 UTC",
        "retention": "03:30 UTC",
        "training": "04:00 UTC",
    }
    assert f"{due['training']:%A}" == "Sunday"
    assert (found["ingestion"]["is_configured"], found["ingestion"]["next_due_at"]) == (False, None)
    assert found["ingestion"]["needs"] == "KNOWTRACE_INGESTION_COMMAND"
    refused = await client.post(f"{SCHEDULES}/ingestion/run")
    assert refused.status_code == 409
    assert "set KNOWTRACE_INGESTION_COMMAND" in refused.json()["detail"]
    assert (await client.post(f"{SCHEDULES}/nothing/run")).status_code == 404


async def test_a_run_that_cannot_be_written_down_does_not_begin(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise UnavailableError("no room for the audit log")

    monkeypatch.setattr(AuditLog, "append", fail)
    assert (await client.post(f"{SCHEDULES}/item_parameters/run")).status_code == 503
    runs = (await listed(client))["item_parameters"]["runs"]
    assert [run["outcome"] for run in runs if run["outcome"] != "installed"] == []


async def test_exports_are_written_and_the_run_is_kept(client: httpx.AsyncClient, settings: Settings) -> None:
    ended = await run(client, "item_parameters")
    version = Run.open(settings.run).version
    in_table = f"12 items of {version} in the table item_parameters"
    assert (ended["outcome"], ended["detail"]) == (
        "done",
        f"{in_table}; 12 items of {version} in {version}.csv",
    )
    assert settings.export_folder is not None
    assert (settings.export_folder / "item_parameters" / f"{version}.csv").is_file()
    assert (await run(client, "mastery_aggregation"))["outcome"] == "done"


async def test_ingestion_builds_the_lake_and_says_why_it_cannot(settings: Settings, tmp_path: Path) -> None:
    """The real command, on three answers and then on a file that is none."""
    source, lake = tmp_path / "answers.csv", tmp_path / "lake"
    source.write_text("student,item,correct\ns,a,1\ns,b,0\nt,a,1\n", encoding="utf-8")
    command = ("lake", "build", "--source", str(source), "--into", str(lake), "--threads", "1")
    app = create_app(settings.model_copy(update={"ingestion_command": command}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        assert (await listed(client))["ingestion"]["next_due_at"].endswith("T02:00:00Z")
        built = await run(client, "ingestion")
        assert built["outcome"] == "done", built["detail"]
        assert {student: len(told) for student, told in read_lake(lake).students.items()} == {"s": 2, "t": 1}
        source.unlink()
        failed = await run(client, "ingestion")
    assert failed["outcome"] == "failed"
    assert failed["detail"].startswith("ingestion ended with exit code 2.")
    assert str(source) in failed["detail"]


@pytest.mark.slow
async def test_a_better_model_is_trained_judged_and_activated(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """Four epochs where there was one: the real gate lets it pass."""
    before = Run.open(settings.run).version
    ended = await run(client, "training")
    assert ended["outcome"] == "done", ended["detail"]
    models = (await client.get("/api/v1/models")).json()["models"]
    [champion] = [model for model in models if model["is_active"]]
    assert champion["model_name"] == "elo"
    assert champion["version"] != before
    assert f"{champion['version']} replaces {before}." in ended["detail"]
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == champion["version"]
    assert (await client.post("/api/v1/models/rollback")).json()["version"] == before


@pytest.mark.slow
async def test_nothing_is_learnt_from_a_student_who_refuses(
    client: httpx.AsyncClient,
    app: FastAPI,
    settings: Settings,
    answers: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real command; the gate would say no. One student has refused, one agreed, one was not asked."""
    whole = read(answers)
    refused, agreed, *_ = whole.students
    for student_id, is_given in ((refused, False), (agreed, True)):
        path = f"/api/v1/students/{student_id}/consent"
        assert (await client.put(path, json={"training": is_given})).status_code == 200
    run_command, given = work.run_command, list[Path]()

    async def run_but_the_gate(arguments: Any, *, timeout_seconds: float) -> Ended:
        if arguments[0] == "gate":
            return Ended(1, '{"passed": false}')
        file = Path(arguments[arguments.index("--without-students") + 1])
        assert file.stat().st_mode & 0o777 == 0o600
        given.append(file)
        return await run_command(arguments, timeout_seconds=timeout_seconds)

    monkeypatch.setattr(work, "run_command", run_but_the_gate)
    classroom = app.state.classroom
    consenting = settings.model_copy(update={"training_consent_default": True})
    object.__setattr__(classroom, "settings", consenting)
    done = await work.train(classroom, datetime(2026, 3, 1, 4, tzinfo=UTC))
    assert done.outcome == "refused", done.detail
    [trained] = settings.run.parent.glob("trained-20260301T040000-*")
    data = Run.open(trained).config["data"]
    assert sum(data["num_students"].values()) == len(whole.students) - 1
    assert data["fingerprint"] == fingerprint(without_students(whole, [refused]))
    assert not given[0].exists()


async def test_who_was_never_asked_refuses_unless_the_installation_says_otherwise(
    client: httpx.AsyncClient, app: FastAPI, event: Callable[..., dict[str, Any]]
) -> None:
    store = app.state.classroom.store
    for student_id in ("agrees", "refuses", "silent"):
        body = event(1, event_id=student_id, student_id=student_id, item_id="unheard of")
        assert (await client.post("/api/v1/events", json=body)).json()["status"] == "accepted"
    for student_id, is_given in (("agrees", True), ("refuses", False), ("unseen", False)):
        await client.put(f"/api/v1/students/{student_id}/consent", json={"training": is_given})
    assert await refusing(store, "default", without_decision=True) == ["refuses", "unseen"]
    assert await refusing(store, "default", without_decision=False) == ["refuses", "silent", "unseen"]
    assert await refusing(store, "elsewhere", without_decision=False) == []


def printing(monkeypatch: pytest.MonkeyPatch, *ended: Ended) -> list[list[str]]:
    """Let commands end so, one after the other."""
    asked: list[list[str]] = []
    left = list(ended)

    async def run_command(arguments: Any, *, timeout_seconds: float) -> Ended:
        asked.append(list(arguments))
        if arguments[0] == "train":
            found.append(Path(arguments[-1]))
        return left.pop(0)

    found: list[Path] = []
    monkeypatch.setattr(work, "run_command", run_command)
    return asked


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        ([Ended(2, "error: no data")], "training ended with exit code 2.\nerror: no data"),
        ([Ended(None, "epoch 1")], "training took too long and was stopped.\nepoch 1"),
        ([Ended(0, "all is well")], "Training left no sealed run"),
    ],
)
async def test_a_training_that_fails_changes_nothing(
    client: httpx.AsyncClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    ended: list[Ended],
    says: str,
) -> None:
    printing(monkeypatch, *ended)
    failed = await run(client, "training")
    assert failed["outcome"] == "failed"
    assert says in failed["detail"]
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == Run.open(
        settings.run
    ).version


@pytest.mark.parametrize(
    ("judged", "outcome", "says"),
    [
        (Ended(1, '{"passed": false, "reasons": ["AUC falls"]}'), "refused", "may not replace"),
        (Ended(1, "Traceback"), "failed", "the gate for elo"),
        (Ended(0, "nothing"), "failed", "the gate for elo"),
        (Ended(0, '{"passed": false}'), "failed", "the gate for elo"),
        (Ended(2, "error: no answers"), "failed", "ended with exit code 2"),
        (Ended(None, ""), "failed", "took too long"),
    ],
)
async def test_only_a_run_that_passes_the_gate_answers(
    app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch, judged: Ended, outcome: str, says: str
) -> None:
    classroom = app.state.classroom
    printing(monkeypatch, judged)
    champion = classroom.lineup.champion
    done = await work._judge(classroom, settings.run, "elo-x", champion, settings.run)
    assert done.outcome == outcome
    assert says in done.detail
    assert classroom.lineup.champion is champion


async def test_a_run_that_was_judged_against_another_champion_does_not_answer(
    app: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom = app.state.classroom
    printing(monkeypatch, Ended(0, '{"passed": true}'))
    [other, _] = classroom.lineup._standing_in(classroom.lineup.champion)
    done = await work._judge(classroom, settings.run, "elo-x", other, settings.run)
    assert done.outcome == "refused"
    assert "is not the champion any more" in done.detail


def test_rules_of_an_installation_are_checked() -> None:
    def found(**rules: str) -> dict[str, str]:
        return {s.name: s.rule.text for s in work.schedules_of(Settings(schedule_rules=rules), None)}

    assert found(training="0 5 * * 1")["training"] == "0 5 * * 1"
    with pytest.raises(SettingsError, match="names cleaning"):
        found(cleaning="0 5 * * 1")
    with pytest.raises(SettingsError, match="The rule"):
        found(training="on Sunday")


runner = CliRunner()


def test_the_command_line_lists_and_runs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KNOWTRACE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("KNOWTRACE_EXPORT_FOLDER", str(settings.export_folder))
    monkeypatch.setenv("COLUMNS", "150")
    ended = runner.invoke(
        commands, ["schedule", "run", "item_parameters", "--run", str(settings.run), "--json"]
    )
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["outcome"] == "done"
    said = runner.invoke(commands, ["schedule", "list"]).stdout
    assert "training             0 4 * * 0   not configured" in said
    assert "done" in said
    refused = runner.invoke(commands, ["schedule", "run", "training", "--run", str(settings.run)])
    assert isinstance(refused.exception, ConflictError)
