"""Which models are in memory: asked once before their first student, unloaded when asked, and which gives way."""

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowtrace.registry import Run, seal_run
from knowtrace.registry.manifest import json_bytes, json_of
from knowtrace.service.app import create_app
from knowtrace.settings import Settings

MODELS = "/api/v1/models"
STEPS = {"observe", "answer", "predict", "mastery"}


@pytest.fixture(scope="module")
def folder(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs that differ in their metrics alone."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("first", "second", "third", "fourth"):
        path = Path(shutil.copytree(tiny_run, folder / name))
        metrics = path / "metrics.json"
        metrics.write_bytes(json_bytes({**json_of(metrics.read_bytes(), metrics), "named": name}))
        seal_run(path)
    return folder


@pytest.fixture
def settings(sqlite_url: str, folder: Path) -> Settings:
    return Settings(database_url=sqlite_url, run=folder / "first", max_loaded_models=2)


@pytest.fixture
def versions(folder: Path) -> list[str]:
    return [Run.open(folder / name).version for name in ("first", "second", "third", "fourth")]


@asynccontextmanager
async def served(settings: Settings) -> AsyncGenerator[tuple[FastAPI, httpx.AsyncClient]]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield app, client


async def post(client: httpx.AsyncClient, path: str, version: str, **more: object) -> httpx.Response:
    return await client.post(f"{MODELS}/dkt/{path}", json={"version": version, **more})


async def loaded(client: httpx.AsyncClient) -> set[str]:
    listed = (await client.get(MODELS)).json()["models"]
    return {model["version"] for model in listed if model["is_loaded"]}


async def test_a_model_without_a_part_is_unloaded_and_can_be_loaded_again(
    client: httpx.AsyncClient, versions: list[str]
) -> None:
    first, candidate = versions[:2]
    await post(client, "load", candidate)
    gone = await post(client, "unload", candidate)
    assert (gone.status_code, gone.json()["is_loaded"]) == (200, False)
    assert await loaded(client) == {first}
    asked = {"student_id": "x", "candidate_items": ["i1"], "model_version": candidate}
    assert (await client.post("/api/v1/predict", json=asked)).status_code == 404
    assert (await post(client, "unload", candidate)).status_code == 404
    again = await post(client, "load", candidate)
    assert (again.status_code, again.json()["is_loaded"]) == (200, True)
    assert (await client.post("/api/v1/predict", json=asked)).json()["model_version"] == candidate


async def test_every_step_of_a_model_is_called_before_its_first_request(
    settings: Settings, versions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: dict[str, set[str]] = {}
    open_steps = Run.steps

    def recorded(run: Run) -> Any:
        steps, of_run = open_steps(run), called.setdefault(run.version, set())

        class Recorded:
            def __getattr__(self, name: str) -> Any:
                of_run.add(name)
                return getattr(steps, name)

        return Recorded()

    monkeypatch.setattr(Run, "steps", recorded)
    async with served(settings) as (_, client):
        assert called[versions[0]] >= STEPS
        await post(client, "load", versions[1])
        assert called[versions[1]] >= STEPS
        await post(client, "canary", versions[2], share=0.5)
        assert called[versions[2]] >= STEPS


async def test_the_model_that_was_not_asked_for_longest_gives_way(
    settings: Settings, versions: list[str]
) -> None:
    first, second, third, fourth = versions
    async with served(settings.model_copy(update={"max_loaded_models": 3})) as (app, client):
        await post(client, "load", second)
        await post(client, "load", third)
        asked = {"student_id": "x", "candidate_items": ["i1"], "model_version": second}
        assert (await client.post("/api/v1/predict", json=asked)).json()["model_version"] == second
        assert [model.version for model in app.state.classroom.lineup.loaded] == [first, second, third]
        await post(client, "load", fourth)
        assert await loaded(client) == {first, second, fourth}


async def test_a_model_gives_way_to_a_third_unless_all_play_a_part(
    client: httpx.AsyncClient, versions: list[str]
) -> None:
    first, second, third, _ = versions
    await post(client, "load", second)
    assert (await post(client, "load", third)).status_code == 200
    assert await loaded(client) == {first, third}
    await post(client, "shadow", third)
    refused = await post(client, "load", second)
    assert refused.status_code == 409
    assert "each plays a part" in refused.json()["detail"]
    assert await loaded(client) == {first, third}


async def test_a_part_that_ends_leaves_its_model_the_last_to_give_way(
    settings: Settings, versions: list[str]
) -> None:
    first, second, third, fourth = versions
    async with served(settings.model_copy(update={"max_loaded_models": 3})) as (_, client):
        await post(client, "shadow", second)
        await post(client, "load", third)
        await client.delete(f"{MODELS}/shadow")
        await post(client, "load", fourth)
        assert await loaded(client) == {first, second, fourth}


async def test_the_model_that_was_activated_remembers_who_answered_last(
    settings: Settings, versions: list[str], event: Callable[..., dict[str, Any]]
) -> None:
    async with served(settings) as (_, client):
        await post(client, "activate", versions[1])
        await client.post("/api/v1/events", json=event(1))
    async with served(settings) as (app, _):
        lineup = app.state.classroom.lineup
        assert lineup.champion.version == versions[1]
        assert [key.student_id for key in lineup.champion.followed._kept] == ["anna"]
        assert not lineup.first.followed._kept
