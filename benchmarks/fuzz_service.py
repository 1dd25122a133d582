"""The real service as the fuzzer meets it: three models, one of them by an alias too, PostgreSQL, Redis where it is
found, keys, and something of everything.
"""

import asyncio
import contextlib
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
from databases import open_database
from fuzz_examples import ALIASED, HOME
from server_process import ServerProcess

from knowtrace.registry import Run
from knowtrace.registry.aliases import CHALLENGER, Aliases, Named
from knowtrace.registry.shelf import publish
from knowtrace.service.identity.caller import LOCAL, Role
from knowtrace.service.identity.issuing import KeyDesk, KeyRequest
from knowtrace.sources import SimulationConfig, read, simulate, write_simulation
from knowtrace.store import Store
from knowtrace.training import Recipe, TrainingConfig, train

STUDENTS = ("anna", "ben", "carla", "class 7/dan")
NOBODY_LISTENS = "http://127.0.0.1:9/"
REMOTE = {"X-Forwarded-For": "203.0.113.7"}
"""By way of a proxy: without it, some routes let programs of this machine pass without a key."""

OPERATED = ("/api/v1/models", "/api/v1/schedules")
"""What only an operator may do; an admin may do the rest."""

EXAMPLE_VALUES = {
    "student_id": STUDENTS,
    "user_id": STUDENTS,
    "url": (NOBODY_LISTENS,),
    "callback_url": (NOBODY_LISTENS,),
}


def name_of(run: Run) -> str:
    return run.version.rpartition("-")[0]


class Silent:
    """Training's reporter, for models that nobody looks at."""

    def begin(self, *, epochs: int, answers_per_epoch: int, epochs_done: int) -> None: ...
    def advance(self, answers: int) -> None: ...
    def epoch(self, record: dict[str, object]) -> None: ...
    def warn(self, text: str) -> None: ...


def train_models(folder: Path) -> list[Path]:
    """Train three tiny models on 100 simulated students."""
    config = SimulationConfig(num_students=100, num_answers=30, num_items=20, num_skills=4, num_categories=2)
    write_simulation(simulate(config, seed=3), folder / "simulation")
    recipe = Recipe(
        model="dkt",
        settings={"embedding_dim": 8, "hidden_dim": 8},
        training=TrainingConfig(epochs=1, batch_answers=1024, learning_rate=0.01),
    )
    dataset = read(folder / "simulation")
    return [
        train(dataset, made, folder / "runs" / made.model, reporter=Silent()).path
        for made in (recipe, Recipe(model="item-mean"), Recipe(model="elo"))
    ]


@contextlib.contextmanager
def open_redis() -> Iterator[str | None]:
    """Yield the URL of a Redis that keeps nothing and ends with it, None where there is no Redis."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def name_by_alias(run: Run, folder: Path) -> dict[str, str]:
    """Publish a run, let an MLflow registry name it, and return the settings of a service that may follow it."""
    shelf, registry = f"file://{folder}/shelf", f"sqlite:///{folder}/mlflow.db"
    aliases = Aliases(registry)
    aliases.give(ALIASED, CHALLENGER, Named(publish(run, shelf), run.manifest.sha256))
    aliases.promote(ALIASED)
    return {"mlflow_uri": registry, "model_locations": orjson.dumps([shelf]).decode()}


class FuzzService:
    """A running service, who may ask it, and what is in it."""

    def __init__(self, server: ServerProcess, database_url: str, models: list[Path]) -> None:
        self.server = server
        self.database_url = database_url
        self.models = [Run.open(path) for path in models]
        self.vocabulary = self.models[0].vocabulary

    def issue(self, role: str, name: str = "fuzzer") -> str:
        """Make a key past the API: the fuzzer revokes what it was given."""

        async def make() -> str:
            async with Store(self.database_url) as store:
                asked = KeyRequest(tenant_id="default", role=Role(role), name=name)
                return (await KeyDesk(store, LOCAL).create(asked)).key.text

        return asyncio.run(make())

    def description(self) -> dict[str, Any]:
        """Return the service's own OpenAPI."""
        shown = {"Authorization": f"Bearer {self.issue('admin')}"}
        return self._ok(httpx.get(f"{self.server.url}/openapi.json", headers=shown))

    def play_parts(self) -> None:
        """Let the first model answer, the third stand behind it, and the second be loaded and do nothing."""
        first, second, third = self.models
        with httpx.Client(base_url=f"{self.server.url}/api/v1/models", timeout=30) as client:
            client.headers = {"Authorization": f"Bearer {self.issue('operator', 'filler')}", **REMOTE}
            for part in ("canary", "shadow"):
                self._ok(client.delete(f"/{part}"))
            for run, deed in ((third, "activate"), (first, "activate"), (second, "load")):
                self._ok(client.post(f"/{name_of(run)}/{deed}", json={"version": run.version}))

    def fill(self) -> dict[str, list[str]]:
        """Bring back what the fuzzer may have deleted, and return the ids of all that there is."""
        spare = self.issue("educator", "spare").split("_")[1]
        with httpx.Client(base_url=self.server.url, timeout=30) as client:
            client.headers = {"Authorization": f"Bearer {self.issue('admin', 'filler')}", **REMOTE}
            items = [item.item_id for item in self.vocabulary.items]
            answers = [*self._answers(items)]
            self._ok(client.post("/api/v1/events", json={"events": answers}))
            for student_id in STUDENTS:
                self._ok(client.put(f"/api/v1/students/{student_id}/consent", json={"training": True}))
            for hook in self._ok(client.get("/api/v1/webhooks"))["webhooks"][1:]:
                client.delete(f"/api/v1/webhooks/{hook['webhook_id']}")
            hook = {"url": NOBODY_LISTENS, "kinds": ["recommendation"]}
            webhook = self._ok(client.post("/api/v1/webhooks", json=hook))["webhook_id"]
            # With an erased student whole jobs go: this one is about somebody whom the fuzzer does not know.
            asked = {"student_id": "nobody's", "candidate_items": items[:5]}
            job = self._ok(client.post("/api/v1/batch/submit", json={"requests": [asked]}))["job_id"]
            while self._ok(client.get(f"/api/v1/batch/{job}/status"))["status"] != "completed":
                time.sleep(0.05)
        return {
            **{name: list(values) for name, values in EXAMPLE_VALUES.items()},
            "event_id": [answer["event_id"] for answer in answers[::5]],
            "item_id": items[:5],
            "candidate_items": items[:5],
            "skill": list(self.vocabulary.skill_ids),
            "skill_id": list(self.vocabulary.skill_ids),
            "webhook_id": [webhook],
            "job_id": [job],
            "key_id": [spare],
            "name": [*(name_of(run) for run in self.models), "mastery_aggregation", "item_parameters"],
            "model": [name_of(run) for run in self.models],
            "version": [run.version for run in self.models],
        }

    def _answers(self, items: list[str]) -> Iterator[dict[str, Any]]:
        rng, start = random.Random(5), datetime.now(UTC) - timedelta(days=1)
        stamp = time.time_ns()
        for student_id in STUDENTS:
            for number in range(8):
                yield {
                    "event_id": f"{student_id}/{number}/{stamp}",
                    "student_id": student_id,
                    "item_id": rng.choice(items),
                    "correct": rng.random() < 0.7,
                    "answered_at": (start + timedelta(seconds=number)).isoformat(),
                }

    @staticmethod
    def _ok(answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise RuntimeError(f"{answer.request.method} {answer.request.url}: {answer.text}")
        return answer.json()


@contextlib.contextmanager
def open_service(folder: Path, database: str) -> Iterator[FuzzService]:
    """Train, start and yield the service; everything it keeps lies in `folder`."""
    models = train_models(folder)
    with open_database(database, folder) as database_url, open_redis() as redis_url:
        stream = {"redis_url": redis_url, "redis_stream": "knowtrace"} if redis_url else {}
        named = name_by_alias(Run.open(models[0]), folder)
        (folder / "exports").mkdir()
        server = ServerProcess(
            database_url=database_url,
            run=models[0],
            log=folder / "server.log",
            auth="keys",
            accounts_home=HOME,
            rate_limit="100000000/minute",
            student_rate_limit="100000000/minute",
            failure_limit="100000000/minute",
            callback_hosts=orjson.dumps(["127.0.0.1"]).decode(),
            webhook_hosts=orjson.dumps(["127.0.0.1"]).decode(),
            callback_key="for the fuzzer, which calls nobody",
            seal_key="for the fuzzer, which calls nobody",
            audit_key="for the fuzzer, whom nobody audits",
            delivery_attempts="1",
            export_folder=str(folder / "exports"),
            keep_jobs_days="30",
            stream_heartbeat_seconds="0.1",
            **stream,
            **named,
        )
        with server:
            yield FuzzService(server, database_url, models)
