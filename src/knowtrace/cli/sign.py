"""`knowtrace sign`."""

from pathlib import Path
from typing import Annotated

import typer

from knowtrace.errors import SettingsError


def sign_command(
    run: Annotated[Path | None, typer.Argument(help="The run to sign.")] = None,
    key: Annotated[Path, typer.Option(help="The private key: read to sign, written by --new-keys.")] = Path(
        "signing-key.pem"
    ),
    new_keys: Annotated[
        bool, typer.Option("--new-keys", help="Make a pair of keys: KEY, and KEY.pub beside it.")
    ] = False,
) -> None:
    """Sign a run, so that an installation that trusts the key will serve it (KNOWTRACE_TRUSTED_KEYS).

    Example: knowtrace sign runs/dkt --key signing-key.pem
    """
    from knowtrace.registry.signing import make_keys, sign  # noqa: PLC0415 - other commands need no cryptography

    if run is None and not new_keys:
        raise SettingsError("Nothing to do: name a run to sign, or say --new-keys.")
    if new_keys:
        public = key.with_name(f"{key.name}.pub")
        make_keys(key, public)
        typer.echo(f"{key} is the private key: keep it. {public} is what services are told to trust.")
    if run is not None:
        sign(run, key)
        typer.echo(f"{run} is signed.")
