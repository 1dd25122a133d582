"""Names and aliases of runs in an MLflow registry: champion, challenger, previous.

MLflow says which run a name means, and nothing more: a version of it holds a URL and the hash of a manifest. No model
passes through it, none of its loaders is called, and what it says is checked like anybody's word.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from knowtrace.errors import NotFoundError, RunError, SettingsError, UnavailableError

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
REFERENCE = re.compile(r"models:/([A-Za-z0-9][A-Za-z0-9 ._-]{0,199})@([a-z][a-z0-9_-]{0,99})")
HASH = re.compile(r"[0-9a-f]{64}")
MANIFEST_TAG = "knowtrace.manifest"

PATIENCE_SECONDS = 5
RETRIES = 2


@dataclass(frozen=True)
class Named:
    """What a name stands for: the URL of a run, and the SHA-256 of its manifest."""

    url: str
    manifest_sha256: str


class Aliases:
    """The runs of an MLflow registry by name and alias. Every call ends after seconds; safe to use from any thread."""

    def __init__(self, uri: str) -> None:
        """Open the registry at `uri`: a server's address, or sqlite:///file."""
        from mlflow import environment_variables as mlflow_settings  # noqa: PLC0415 - takes seconds to import
        from mlflow.tracking import MlflowClient  # noqa: PLC0415

        mlflow_settings.MLFLOW_DISABLE_TELEMETRY.set(True)
        mlflow_settings.MLFLOW_HTTP_REQUEST_TIMEOUT.set(PATIENCE_SECONDS)
        mlflow_settings.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(RETRIES)
        with _asking(uri):
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._uri = uri

    def resolve(self, reference: str) -> Named:
        """Return what models:/NAME@ALIAS stands for now.

        Raises:
            NotFoundError: there is no such name or alias.
            RunError: what it names was not published by us.
            UnavailableError: MLflow does not answer.
        """
        return self._at(*name_and_alias(reference))

    def give(self, name: str, alias: str, run: Named) -> None:
        """Let an alias of a name, which is made if need be, stand for a run."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        name_and_alias(f"models:/{name}@{alias}")
        with _asking(self._uri):
            try:
                self._client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            version = self._version_of(name, run) or self._client.create_model_version(
                name, source=run.url, tags={MANIFEST_TAG: run.manifest_sha256}, await_creation_for=0
            )
            self._client.set_registered_model_alias(name, alias, version.version)

    def promote(self, name: str) -> Named:
        """Let `champion` stand for what `challenger` does, and `previous` for the champion of before.

        The aliases are moved one after the other, `champion` by one call: whoever asks for it sees the old run or the
        new one.

        Raises:
            NotFoundError: the name has no challenger.
        """
        challenger = self._at(name, CHALLENGER)
        try:
            champion = self._at(name, CHAMPION)
        except NotFoundError:
            champion = None
        if champion is not None and champion != challenger:
            self.give(name, PREVIOUS, champion)
        self.give(name, CHAMPION, challenger)
        with _asking(self._uri):
            self._client.delete_registered_model_alias(name, CHALLENGER)
        return challenger

    def _at(self, name: str, alias: str) -> Named:
        with _asking(self._uri):
            version = self._client.get_model_version_by_alias(name, alias)
        named = Named(str(version.source), str(version.tags.get(MANIFEST_TAG, "")))
        if not HASH.fullmatch(named.manifest_sha256):
            raise RunError(
                f"models:/{name}@{alias} is version {version.version} from {named.url}, which `knowtrace publish` did "
                f"not name: it has no tag {MANIFEST_TAG}."
            )
        return named

    def _version_of(self, name: str, run: Named) -> Any:
        found = self._client.search_model_versions(f"name = '{name}'", max_results=1_000)
        return next(
            (v for v in found if v.source == run.url and v.tags.get(MANIFEST_TAG) == run.manifest_sha256),
            None,
        )


def name_and_alias(reference: str) -> tuple[str, str]:
    """Return the name and the alias of models:/NAME@ALIAS.

    Raises:
        SettingsError: it is no such reference.
    """
    found = REFERENCE.fullmatch(reference)
    if found is None:
        raise SettingsError(
            f"{reference!r} names no model: models:/NAME@ALIAS does, as models:/dkt@champion."
        )
    return found[1], found[2]


@contextmanager
def _asking(uri: str) -> Generator[None]:
    """Say in our words what MLflow says no to."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        yield
    except MlflowException as error:
        reason = str(error).partition("\n")[0][:300]
        if error.error_code == "RESOURCE_DOES_NOT_EXIST" or "not found" in reason:
            raise NotFoundError(f"MLflow knows no such model or alias: {reason}") from error
        raise UnavailableError(f"MLflow at {uri} does not do that: {reason}") from error
