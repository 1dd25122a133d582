"""`knowtrace audit`: is the record of what was done still whole?"""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from knowtrace.cli.installation import DatabaseOption, TenantOption, settings_of
from knowtrace.cli.terminal import out, print_json, say

if TYPE_CHECKING:
    from knowtrace.service.audit.service import AuditReport

app = typer.Typer(no_args_is_help=True, help="Check the audit log.")


@app.callback()
def audit() -> None:
    """Keep `verify` a named command: typer would fold a single one into its parent."""


@app.command("verify")
def verify_command(
    *,
    tenant: TenantOption = "default",
    expect: Annotated[
        str | None, typer.Option(help="A head that an earlier check printed: its line must still be there.")
    ] = None,
    database: DatabaseOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Check every line of a tenant's audit log; exit code 1 when any was edited, dropped, added or moved.

    Example: knowtrace audit verify --tenant default
    """
    from knowtrace.service.audit.service import verify  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.identity.opening import open_store  # noqa: PLC0415

    async def run() -> "AuditReport":
        async with open_store(settings_of(database_url=database)) as store:
            return await verify(store, tenant, expected_head=expect)

    report = asyncio.run(run())
    if as_json:
        print_json(asdict(report))
    else:
        for problem in report.problems:
            out.print(problem, soft_wrap=True, highlight=False)
        verdict = "is NOT whole" if report.problems else "is whole"
        say(f"The audit log of {tenant!r} {verdict}: {report.num_lines:,} lines, head {report.head}")
    if report.problems:
        raise typer.Exit(1)
