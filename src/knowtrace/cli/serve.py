"""`knowtrace serve`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from knowtrace.errors import SettingsError


def serve_command(
    run_path: Annotated[Path, typer.Option("--run", help="The run to serve.")],
    database: Annotated[
        str | None,
        typer.Option(help="Database URL; default: KNOWTRACE_DATABASE_URL, or SQLite in knowtrace.db here."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default: KNOWTRACE_HOST, or 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; default: KNOWTRACE_PORT, or 8000."),
    ] = None,
) -> None:
    """Serve a run: answers in, mastery and recommendations out, and a page for each student.

    Example: knowtrace serve --run runs/dkt --port 8000
    """
    from knowtrace.dashboard import add_pages  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.server import run  # noqa: PLC0415
    from knowtrace.settings import Settings  # noqa: PLC0415

    # What the command line leaves open is the environment's to say.
    options = {"run": run_path, "database_url": database, "host": host, "port": port}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"These settings cannot be used: {problems}. They come from KNOWTRACE_… variables."
        ) from None
    run(settings, pages=add_pages)
