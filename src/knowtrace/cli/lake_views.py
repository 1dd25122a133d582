"""`knowtrace lake views` and `knowtrace lake publish`: the lake for people who read it in Tableau or Power BI."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from knowtrace.cli.installation import settings_of
from knowtrace.cli.terminal import notes, out, say
from knowtrace.errors import DataError

DATABASE_FILE = ".duckdb"

LakeOption = Annotated[Path, typer.Option("--lake", help="The lake's folder.")]
MinimumOption = Annotated[
    int,
    typer.Option(min=1, help="Withhold cells that speak of fewer distinct students; 1 withholds nothing."),
]


def views_command(
    lake: LakeOption,
    *,
    dialect: Annotated[str, typer.Option(help="duckdb, postgres or spark (Databricks, Delta).")] = "duckdb",
    out_path: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help=f"Write the script to this file; for a name in {DATABASE_FILE}, a database of what the views show.",
        ),
    ] = None,
    minimum: MinimumOption = 5,
) -> None:
    """Print or write the SQL that makes the views for reporting tools.

    Example: knowtrace lake views --lake lake --dialect duckdb --out bi.duckdb
    """
    from knowtrace.lake.views.dialects import DIALECTS, Dialect  # noqa: PLC0415 - other commands do not need the lake
    from knowtrace.lake.views.script import script, write_database  # noqa: PLC0415

    chosen: Dialect | None = next((name for name in DIALECTS if name == dialect), None)
    if chosen is None:
        raise DataError(f"--dialect ({dialect!r}) must be one of {', '.join(DIALECTS)}.")
    if out_path is not None and out_path.suffix == DATABASE_FILE:
        if chosen != "duckdb":
            raise DataError(f"--out {out_path} is a DuckDB file: it needs --dialect duckdb, not {dialect}.")
        rows = write_database(lake, out_path, minimum=minimum)
        say(f"{out_path}: {len(rows)} tables, {sum(rows.values()):,} rows, no student's id.")
        return
    text = script(lake, chosen, minimum=minimum)
    if out_path is None:
        out.file.write(text)
    else:
        out_path.write_text(text, encoding="utf-8")
        say(f"{out_path}: the views in {dialect}'s SQL.")


def publish_command(
    lake: LakeOption,
    *,
    database: Annotated[
        str | None,
        typer.Option(help="postgresql://user@host:port/name; default: KNOWTRACE_LAKE_DATABASE_URL."),
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Withhold cells that speak of fewer distinct students; default: as published before, at first 5.",
        ),
    ] = None,
) -> None:
    """Load the tables that the views read into PostgreSQL, and make the views; all of it or nothing.

    Example: knowtrace lake publish --lake lake --database postgresql://analyst@localhost/school
    """
    from knowtrace.lake.views.publish import publish  # noqa: PLC0415 - other commands do not need the lake

    url = database or _published_to()
    if not url.startswith("postgresql"):
        raise DataError(
            "--database or KNOWTRACE_LAKE_DATABASE_URL must be the URL of a PostgreSQL database: "
            "postgresql://user@host:port/name."
        )
    with notes.status("Connecting …") as status:
        publication = publish(
            lake,
            url,
            minimum=minimum,
            progress=lambda table, done, total: status.update(f"{table}: {done:,} of {total:,} rows"),
        )
    table = Table(title=f"Version {publication.version} of the lake, in PostgreSQL")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("")
    for name, rows in publication.rows.items():
        table.add_row(name, f"{rows:,}", "loaded" if name in publication.loaded else "unchanged")
    out.print(table)
    say("The views are in the schema lake_bi: grant readers that schema alone.")


def _published_to() -> str:
    url = settings_of().lake_database_url
    return url.get_secret_value() if url else ""
