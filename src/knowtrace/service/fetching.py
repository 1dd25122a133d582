"""A run that is named instead of lying here: by a URL, or by an alias that MLflow keeps."""

from pathlib import Path

from knowtrace.errors import RunError, SettingsError
from knowtrace.registry.aliases import Aliases, Named, name_and_alias
from knowtrace.registry.manifest import Manifest
from knowtrace.registry.shelf import check_allowed, fetch, shelf_and_version
from knowtrace.registry.signing import trusted_keys
from knowtrace.settings import Settings

ALIAS = "models:/"
MODELS = Path("models")
"""The folder of models where neither a setting nor a run's folder says another."""


def with_run(settings: Settings, named: str) -> Settings:
    """Return the settings with the run that is to be served: a folder, or what was fetched from a URL or an alias.

    Raises:
        SettingsError: it is named in no way that this installation fetches from.
        NotFoundError: there is no such run or alias.
        RunError: it is not as it was sealed, or not signed by a trusted key.
        UnavailableError: a shelf, or MLflow, cannot be reached.
    """
    if "://" not in named and not named.startswith(ALIAS):
        return settings.model_copy(update={"run": Path(named)})
    folder = settings.models or MODELS
    path = bring(settings, resolve(settings, named) if named.startswith(ALIAS) else Named(named, ""), folder)
    return settings.model_copy(update={"run": path, "models": folder})


def resolve(settings: Settings, reference: str) -> Named:
    """Return what an alias stands for now. Takes seconds: call it in a thread.

    Raises:
        SettingsError: no MLflow is named, or this is no alias.
        NotFoundError: there is no such alias.
        UnavailableError: MLflow does not answer.
    """
    name_and_alias(reference)
    if settings.mlflow_uri is None:
        raise SettingsError(f"{reference} is a name in an MLflow registry: KNOWTRACE_MLFLOW_URI says which.")
    return Aliases(settings.mlflow_uri).resolve(reference)


def bring(settings: Settings, named: Named, folder: Path) -> Path:
    """Fetch a run into a folder of models, if it is not there, and return where it lies.

    Raises:
        SettingsError: it stands where this installation does not fetch from.
        RunError: its manifest is another one than it was named with; or as `fetch` says.
    """
    place, version = shelf_and_version(named.url)
    check_allowed(place, settings.model_locations)
    path = folder / version
    if not path.exists():
        fetch(place, version, folder, trusted=trusted_keys(settings.trusted_keys))
    found = Manifest.of(path).sha256
    if named.manifest_sha256 not in ("", found):
        raise RunError(
            f"{named.url} has a manifest of SHA-256 {found}, the registry names {named.manifest_sha256}. "
            "Publish the run again."
        )
    return path
