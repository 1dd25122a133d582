"""What was trained here, where other machines find it: signed, on a shelf, under a name of the MLflow registry."""

from pathlib import Path

from knowtrace.registry.aliases import CHALLENGER, Aliases, Named, name_and_alias
from knowtrace.registry.shelf import publish
from knowtrace.registry.signing import sign, trusted_keys
from knowtrace.service.lineup import open_trusted
from knowtrace.settings import Settings


def offer(settings: Settings, path: Path) -> str | None:
    """Sign a run, publish it on the first shelf, let `challenger` stand for it, and return under which name.

    What the settings do not name is left out: without a signing key the signature, without a shelf or a registry the
    rest, and the name is None. It is that of the followed alias, else the model's. Takes seconds: call it in a thread.

    Raises:
        RunError: the run is not signed by who must have.
        UnavailableError: the shelf, or MLflow, cannot be reached.
    """
    if settings.signing_key is not None:
        sign(path, settings.signing_key)
    run = open_trusted(path, trusted_keys(settings.trusted_keys))
    if settings.mlflow_uri is None or not settings.model_locations:
        return None
    name = name_and_alias(settings.follow_model)[0] if settings.follow_model else run.name
    url = publish(run, settings.model_locations[0])
    Aliases(settings.mlflow_uri).give(name, CHALLENGER, Named(url, run.manifest.sha256))
    return name


def promote(settings: Settings, name: str) -> None:
    """Let `champion` stand for what `offer` has offered under a name.

    Raises:
        UnavailableError: MLflow cannot be reached.
    """
    assert settings.mlflow_uri is not None, "a name is only offered where there is a registry"
    Aliases(settings.mlflow_uri).promote(name)
