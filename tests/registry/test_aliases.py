"""Aliases in a real MLflow registry: what they stand for, and how they move."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from knowtrace.errors import NotFoundError, RunError, SettingsError, UnavailableError
from knowtrace.registry.aliases import Aliases, Named, name_and_alias

pytestmark = pytest.mark.filterwarnings("ignore")

OLD = Named("s3://school/models/dkt-000000000000", "0" * 64)
NEW = Named("s3://school/models/dkt-111111111111", "1" * 64)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(params=["database", "server"])
def uri(request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An MLflow registry: its database itself, and its own server before another one."""
    if request.param == "database":
        yield database
        return
    for name in ("_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE"):
        monkeypatch.setenv(name, database.replace("mlflow.db", "server.db"))
    from mlflow.server import app

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_a_challenger_becomes_champion_and_the_champion_previous(uri: str) -> None:
    aliases = Aliases(uri)
    aliases.give("dkt", "challenger", OLD)
    assert aliases.promote("dkt") == OLD
    with pytest.raises(NotFoundError, match="no such model or alias"):
        aliases.promote("dkt")
    aliases.give("dkt", "challenger", NEW)
    assert aliases.resolve("models:/dkt@champion") == OLD
    assert aliases.promote("dkt") == NEW
    assert aliases.resolve("models:/dkt@champion") == NEW
    assert aliases.resolve("models:/dkt@previous") == OLD
    aliases.give("dkt", "champion", OLD)
    assert Aliases(uri).resolve("models:/dkt@champion") == OLD
    assert len(aliases._client.search_model_versions("name = 'dkt'")) == 2


def test_what_is_not_there_or_not_ours_is_said(uri: str) -> None:
    aliases = Aliases(uri)
    with pytest.raises(NotFoundError):
        aliases.resolve("models:/nobody@champion")
    aliases._client.create_registered_model("theirs")
    version = aliases._client.create_model_version("theirs", source="s3://elsewhere/pickle")
    aliases._client.set_registered_model_alias("theirs", "champion", version.version)
    with pytest.raises(RunError, match="did not name"):
        aliases.resolve("models:/theirs@champion")


def test_a_server_that_is_away_is_given_up_in_seconds() -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9"):
        Aliases("http://127.0.0.1:9").resolve("models:/dkt@champion")


@pytest.mark.parametrize(
    "reference",
    [
        "models:/dkt",
        "models:/dkt/1",
        "models:/../x@champion",
        "models:/a'b@champion",
        "models:/dkt@Champion",
        "dkt",
        "",
    ],
)
def test_what_names_no_model_is_refused(reference: str) -> None:
    with pytest.raises(SettingsError, match="models:/NAME@ALIAS"):
        name_and_alias(reference)


def test_of_mlflow_only_names_are_used() -> None:
    """None of its loaders, which unpickle, is ever imported."""
    imported = {
        module
        for path in (Path(__file__).parents[2] / "src" / "knowtrace").rglob("*.py")
        for module in re.findall(r"(?:from|import) (mlflow[\w.]*)", path.read_text(encoding="utf-8"))
    }
    assert imported == {"mlflow", "mlflow.tracking", "mlflow.exceptions"}
