"""`knowtrace publish` and `knowtrace promote`."""

from pathlib import Path
from typing import Annotated

import typer

from knowtrace.cli.installation import settings_of
from knowtrace.cli.terminal import say, warn
from knowtrace.errors import SettingsError

NEEDS_MLFLOW = "Names are kept in an MLflow registry: say which with --mlflow or KNOWTRACE_MLFLOW_URI."

MlflowOption = Annotated[
    str | None,
    typer.Option(
        "--mlflow", help="The MLflow registry: http://…, or sqlite:///file. Default: KNOWTRACE_MLFLOW_URI."
    ),
]


def publish_command(
    run: Annotated[Path, typer.Argument(help="A sealed run.")],
    shelf: Annotated[
        str, typer.Argument(metavar="URL", help="Where to: s3://bucket/models, gs://…, az://…, file:///…")
    ],
    *,
    name: Annotated[str | None, typer.Option(help="A name for it in an MLflow registry.")] = None,
    alias: Annotated[str, typer.Option(help="Which part it is to play under that name.")] = "challenger",
    mlflow: MlflowOption = None,
) -> None:
    """Put a run where every machine can fetch it, its manifest last; with --name, let an alias stand for it.

    Example: knowtrace publish runs/dkt s3://school/models --name dkt --alias challenger
    """
    from knowtrace.registry import Run  # noqa: PLC0415 - other commands need no run
    from knowtrace.registry.aliases import Aliases, Named, name_and_alias  # noqa: PLC0415
    from knowtrace.registry.shelf import publish  # noqa: PLC0415
    from knowtrace.registry.signing import SIGNATURE  # noqa: PLC0415

    uri = settings_of(mlflow_uri=mlflow).mlflow_uri
    if name is not None:
        name_and_alias(f"models:/{name}@{alias}")
        if uri is None:
            raise SettingsError(NEEDS_MLFLOW)
    opened = Run.open(run)
    url = publish(opened, shelf)
    say(f"{url}")
    if not (run / SIGNATURE).exists():
        warn(f"{run} is not signed: whoever asks for a signature will not serve it (knowtrace sign).")
    if name is not None and uri is not None:
        Aliases(uri).give(name, alias, Named(url, opened.manifest.sha256))
        say(f"models:/{name}@{alias} stands for it.")


def promote_command(
    name: Annotated[str, typer.Argument(help="The model's name in the MLflow registry.")],
    *,
    mlflow: MlflowOption = None,
) -> None:
    """Let the challenger of a name be its champion, and the champion of before its previous.

    Services that follow the alias activate it by themselves (KNOWTRACE_FOLLOW_MODEL).

    Example: knowtrace promote dkt
    """
    from knowtrace.registry.aliases import Aliases  # noqa: PLC0415 - other commands need no MLflow

    uri = settings_of(mlflow_uri=mlflow).mlflow_uri
    if uri is None:
        raise SettingsError(NEEDS_MLFLOW)
    promoted = Aliases(uri).promote(name)
    say(f"models:/{name}@champion stands for {promoted.url}.")
