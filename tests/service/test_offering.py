"""What the training schedule has trained: signed, published and promoted by alias, if the gate lets it pass."""

import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI

from knowtrace.errors import NotFoundError, RunError, UnavailableError
from knowtrace.jobs import Ended
from knowtrace.registry import Run
from knowtrace.registry.aliases import Aliases, Named
from knowtrace.registry.shelf import fetch
from knowtrace.registry.signing import SIGNATURE, make_keys, sign, trusted_keys
from knowtrace.service.app import create_app
from knowtrace.service.schedules import work
from knowtrace.settings import Settings
from knowtrace.sources import Dataset
from knowtrace.store import Outcome
from knowtrace.training import Recipe, TrainingConfig, train
from service.test_schedules import printing
from tests.conftest import SilentReporter

pytestmark = pytest.mark.filterwarnings("ignore")
PASSED, REFUSED = Ended(0, '{"passed": true}'), Ended(1, '{"passed": false}')


@pytest.fixture(scope="module")
def trained_once(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = Recipe(model="elo", settings={}, training=TrainingConfig(epochs=1, batch_answers=1024))
    return train(small_dataset, recipe, tmp_path_factory.mktemp("trained") / "run", reporter=SilentReporter())


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Making MLflow's tables takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with pytest.raises(NotFoundError):
        Aliases(f"sqlite:///{path}").resolve("models:/nothing@champion")
    return path


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path, tiny_run: Path, empty_registry: Path) -> Settings:
    make_keys(tmp_path / "key", tmp_path / "key.pub")
    served = Path(shutil.copytree(tiny_run, tmp_path / "models" / "served"))
    sign(served, tmp_path / "key")
    return Settings(
        database_url=sqlite_url,
        run=served,
        job_workers=0,
        trusted_keys=(tmp_path / "key.pub",),
        signing_key=tmp_path / "key",
        model_locations=(f"file://{tmp_path}/shelf",),
        mlflow_uri=f"sqlite:///{shutil.copy(empty_registry, tmp_path)}",
        follow_model="models:/school@champion",
        follow_model_seconds=3_600,
        gate_options=("--data", "answers.csv"),
    )


@pytest.fixture
def trained(trained_once: Run, settings: Settings) -> Run:
    """As training leaves it in the folder of models: not signed."""
    return Run.open(Path(shutil.copytree(trained_once.path, settings.run.parent / "trained")))


async def judge(app: FastAPI, trained: Run, *ended: Ended, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    printing(monkeypatch, *ended)
    classroom = app.state.classroom
    champion = classroom.lineup.champion
    done = await work._judge(classroom, trained.path, trained.version, champion, classroom.settings.run)
    return done.outcome


def stands_for(settings: Settings, alias: str, name: str = "school") -> Named | None:
    assert settings.mlflow_uri is not None
    try:
        return Aliases(settings.mlflow_uri).resolve(f"models:/{name}@{alias}")
    except NotFoundError:
        return None


async def test_what_passes_is_signed_published_and_champion_here_and_by_its_alias(
    app: FastAPI, settings: Settings, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Run.open(settings.run)
    before = Named(f"{settings.model_locations[0]}/{served.version}", served.manifest.sha256)
    assert settings.mlflow_uri is not None
    Aliases(settings.mlflow_uri).give("school", "champion", before)
    assert await judge(app, trained, PASSED, monkeypatch=monkeypatch) is Outcome.DONE
    assert app.state.classroom.lineup.champion.version == trained.version
    url = f"{settings.model_locations[0]}/{trained.version}"
    assert stands_for(settings, "champion") == Named(url, trained.manifest.sha256)
    assert stands_for(settings, "previous") == before
    assert stands_for(settings, "challenger") is None
    elsewhere = fetch(
        settings.model_locations[0],
        trained.version,
        tmp_path / "elsewhere",
        trusted=trusted_keys(settings.trusted_keys),
    )
    assert Run.open(elsewhere).version == trained.version


async def test_a_refused_gate_moves_no_alias_and_publishes_nothing(
    app: FastAPI, settings: Settings, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await judge(app, trained, REFUSED, monkeypatch=monkeypatch) is Outcome.REFUSED
    assert [stands_for(settings, alias) for alias in ("champion", "challenger")] == [None, None]
    assert not (tmp_path / "shelf").exists()
    assert not (trained.path / SIGNATURE).exists()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"signing_key": None}, RunError),
        ({"model_locations": ("file:///proc/shelf",)}, UnavailableError),
        ({"mlflow_uri": "http://127.0.0.1:9"}, UnavailableError),
    ],
)
async def test_what_cannot_be_offered_does_not_answer_either(
    settings: Settings,
    trained: Run,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, object],
    error: type[Exception],
) -> None:
    app = create_app(settings.model_copy(update={"follow_model": None, **changed}))
    async with app.router.lifespan_context(app):
        with pytest.raises(error):
            await judge(app, trained, PASSED, monkeypatch=monkeypatch)
        assert app.state.classroom.lineup.champion.version == Run.open(settings.run).version
    assert [stands_for(settings, alias, "elo") for alias in ("champion", "challenger")] == [None, None]


async def test_a_model_that_nobody_follows_has_its_own_name(
    settings: Settings, trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(settings.model_copy(update={"follow_model": None}))
    async with app.router.lifespan_context(app):
        assert await judge(app, trained, PASSED, monkeypatch=monkeypatch) is Outcome.DONE
    found = stands_for(settings, "champion", "elo")
    assert found is not None
    assert found.manifest_sha256 == trained.manifest.sha256
