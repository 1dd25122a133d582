"""Models that are named by a URL or an alias: fetched, verified, activated, followed."""

import asyncio
import shutil
from pathlib import Path

import httpx
import pytest

from knowtrace.errors import RunError, SettingsError
from knowtrace.registry import Run
from knowtrace.registry.aliases import Aliases, Named
from knowtrace.registry.shelf import publish
from knowtrace.registry.signing import make_keys, sign
from knowtrace.service.app import create_app
from knowtrace.service.classroom import open_classroom
from knowtrace.service.fetching import bring, resolve, with_run
from knowtrace.service.models import following
from knowtrace.settings import Settings
from knowtrace.sources import Dataset
from knowtrace.training import Recipe, TrainingConfig, train
from tests.conftest import SilentReporter

MODELS = "/api/v1/models"
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(scope="module")
def challenger(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Another model than the tiny run, which is served."""
    recipe = Recipe(
        model="dkt",
        settings={"embedding_dim": 8, "hidden_dim": 8},
        training=TrainingConfig(epochs=1, batch_answers=1024, learning_rate=0.02, seed=2),
    )
    path = tmp_path_factory.mktemp("challenger") / "run"
    return train(small_dataset, recipe, path, reporter=SilentReporter())


@pytest.fixture
def shelf(tmp_path: Path) -> str:
    return f"file://{tmp_path}/shelf"


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path, tiny_run: Path, shelf: str, mlflow: str) -> Settings:
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    served = Path(shutil.copytree(tiny_run, tmp_path / "models" / "served"))
    sign(served, tmp_path / "key")
    publish(Run.open(served), shelf)
    return Settings(
        database_url=sqlite_url,
        run=served,
        trusted_keys=(tmp_path / "key.pub",),
        model_locations=(shelf,),
        mlflow_uri=mlflow,
        follow_model="models:/followed@champion",
        follow_model_seconds=0.05,
    )


@pytest.fixture
def published(challenger: Run, settings: Settings, shelf: str, tmp_path: Path) -> Named:
    """The challenger, signed, on the shelf, and nowhere else."""
    copy = Path(shutil.copytree(challenger.path, tmp_path / "challenger"))
    sign(copy, tmp_path / "key")
    return Named(publish(Run.open(copy), shelf), challenger.manifest.sha256)


async def test_a_version_that_only_a_shelf_has_is_activated(
    client: httpx.AsyncClient, published: Named, challenger: Run
) -> None:
    answer = await client.post(f"{MODELS}/dkt/activate", json={"version": challenger.version})
    assert answer.status_code == 200, answer.text
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == challenger.version
    nothing = await client.post(f"{MODELS}/dkt/load", json={"version": f"dkt-{'0' * 12}"})
    assert nothing.status_code == 404
    for version in ("dkt-../../../etc", "dkt-%2e%2e", "dkt-\u0430aaaaaaaaaaa"):
        assert (await client.post(f"{MODELS}/dkt/load", json={"version": version})).status_code == 404


async def test_a_shelf_that_was_tampered_with_changes_nothing(
    client: httpx.AsyncClient, published: Named, challenger: Run, settings: Settings, tmp_path: Path
) -> None:
    weights = tmp_path / "shelf" / challenger.version / "serving.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    answer = await client.post(f"{MODELS}/dkt/activate", json={"version": challenger.version})
    assert answer.status_code == 500
    assert "another SHA-256" in answer.json()["detail"]
    assert (await client.get("/api/v1/mastery/anna")).json()["model_version"] == Run.open(
        settings.run
    ).version
    assert not (settings.run.parent / challenger.version).exists()


async def test_an_alias_is_activated_and_then_followed_by_itself(
    client: httpx.AsyncClient, published: Named, challenger: Run, settings: Settings, shelf: str, mlflow: str
) -> None:
    served = Run.open(settings.run)
    aliases = Aliases(mlflow)
    aliases.give("school", "challenger", published)
    unknown = await client.post(f"{MODELS}/follow", json={"alias": "models:/school@champion"})
    assert unknown.status_code == 404
    aliases.promote("school")
    done = await client.post(f"{MODELS}/follow", json={"alias": "models:/school@champion"})
    assert (done.status_code, done.json()["version"]) == (200, challenger.version)
    assert (await client.post(f"{MODELS}/follow", json={"alias": "s3://school"})).status_code == 422
    # Found for the first time, an alias is only noted; moved, it is followed.
    aliases.give("followed", "champion", published)
    await asyncio.sleep(0.5)
    aliases.give("followed", "champion", Named(f"{shelf}/{served.version}", served.manifest.sha256))
    for _ in range(200):
        version = (await client.get("/api/v1/mastery/anna")).json()["model_version"]
        if version == served.version:
            break
        await asyncio.sleep(0.05)
    assert version == served.version


async def test_a_follower_survives_whatever_a_look_brings(
    settings: Settings, published: Named, challenger: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([Named("s3://school/before", "0" * 64), RuntimeError("MLflow fell over"), published])

    def look(*_: object) -> Named:
        seen = next(looks, published)
        if isinstance(seen, Exception):
            raise seen
        return seen

    monkeypatch.setattr(following, "resolve", look)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        for _ in range(400):
            version = (await client.get("/api/v1/mastery/anna")).json()["model_version"]
            if version == challenger.version:
                break
            await asyncio.sleep(0.05)
    assert version == challenger.version


async def test_without_a_registry_there_is_no_alias(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"mlflow_uri": None, "follow_model": None}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        answer = await client.post(f"{MODELS}/follow", json={"alias": "models:/school@champion"})
    assert answer.status_code == 409
    assert "KNOWTRACE_MLFLOW_URI" in answer.json()["detail"]


def test_the_run_to_serve_is_named_in_three_ways(
    settings: Settings, published: Named, challenger: Run, mlflow: str, tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"models": tmp_path / "fetched"})
    assert with_run(settings, "runs/dkt").run == Path("runs/dkt")
    by_url = with_run(settings, published.url)
    assert by_url.run == tmp_path / "fetched" / challenger.version
    Aliases(mlflow).give("served", "champion", published)
    assert with_run(settings, "models:/served@champion").run == by_url.run
    for named in ("s3://elsewhere/models/dkt-000000000000", "file:///etc/passwd", "http://169.254.169.254/x"):
        with pytest.raises(SettingsError):
            with_run(settings, named)


def test_what_a_registry_names_is_checked_like_anybodys_word(
    settings: Settings, published: Named, tmp_path: Path
) -> None:
    folder = tmp_path / "fetched"
    with pytest.raises(RunError, match="the registry names"):
        bring(settings, Named(published.url, "0" * 64), folder)
    with pytest.raises(SettingsError, match="KNOWTRACE_MODEL_LOCATIONS"):
        bring(settings, Named(f"file://{tmp_path}/elsewhere/dkt-000000000000", ""), folder)
    with pytest.raises(SettingsError, match="KNOWTRACE_MLFLOW_URI"):
        resolve(settings.model_copy(update={"mlflow_uri": None}), "models:/dkt@champion")


async def test_a_location_that_is_no_shelf_is_refused_before_anybody_is_answered(settings: Settings) -> None:
    wrong = settings.model_copy(
        update={"model_locations": (*settings.model_locations, "gcs://school/models")}
    )
    with pytest.raises(SettingsError, match="'gcs://school/models' is no shelf"):
        async with open_classroom(wrong):
            pass
