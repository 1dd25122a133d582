"""Aliases in a real MLflow registry: what they stand for, and how they move."""

from pathlib import Path

import pytest

from knowtrace.errors import NotFoundError, RunError, SettingsError, UnavailableError
from knowtrace.registry.aliases import Aliases, Named, name_and_alias

pytestmark = pytest.mark.filterwarnings("ignore")

OLD = Named("s3://school/models/dkt-000000000000", "0" * 64)
NEW = Named("s3://school/models/dkt-111111111111", "1" * 64)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


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
    with pytest.raises(UnavailableError, match="127.0.0.1:9"):
        Aliases("http://127.0.0.1:9").resolve("models:/dkt@champion")


@pytest.mark.parametrize(
    "reference",
    ["models:/dkt", "models:/dkt/1", "models:/../x@champion", "models:/a'b@champion", "models:/dkt@Champion", "dkt", ""],
)
def test_what_names_no_model_is_refused(reference: str) -> None:
    with pytest.raises(SettingsError, match="models:/NAME@ALIAS"):
        name_and_alias(reference)


def test_nothing_of_mlflow_that_unpickles_is_imported_by_us() -> None:
    source = Path(__file__).parents[2] / "src" / "knowtrace"
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "pyfunc" not in text and "load_model(uri" not in text, path
