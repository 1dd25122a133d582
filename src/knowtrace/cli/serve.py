"""`knowtrace serve`."""

from typing import Annotated

import typer

from knowtrace.cli.installation import DatabaseOption, settings_of


def serve_command(
    named: Annotated[
        str | None,
        typer.Option(
            "--run",
            help="The run to serve: a folder, s3://…/VERSION, models:/NAME@champion; default: folder KNOWTRACE_RUN.",
        ),
    ] = None,
    database: DatabaseOption = None,
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
    from knowtrace.service.fetching import with_run  # noqa: PLC0415
    from knowtrace.service.identity.refusals import refuse_unsafe  # noqa: PLC0415
    from knowtrace.service.server import run  # noqa: PLC0415

    # What the command line leaves open is the environment's to say.
    settings = settings_of(database_url=database, host=host, port=port)
    refuse_unsafe(settings)  # before anything is fetched
    run(with_run(settings, named or str(settings.run)), pages=add_pages)
