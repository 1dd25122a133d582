"""`knowtrace students`: what a school owes its students."""

import asyncio
import getpass
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knowtrace.cli.installation import DatabaseOption, TenantOption, settings_of
from knowtrace.cli.terminal import print_json, say

if TYPE_CHECKING:
    from knowtrace.service.consents.training import Written
    from knowtrace.service.erasure.schemas import Receipt
    from knowtrace.service.identity.caller import Caller

app = typer.Typer(no_args_is_help=True, help="Erase students, and hand out what is kept of them.")

ModelsOption = Annotated[
    Path | None,
    typer.Option(help="Folder of models, for the receipt; default: that of the run that is served."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("erase")
def erase_command(
    student_id: Annotated[str, typer.Argument(metavar="STUDENT_ID", help="Whom to erase.")],
    *,
    tenant: TenantOption = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    models: ModelsOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a student and print the receipt. Running services forget the student within seconds.

    Example: knowtrace students erase maria --yes
    """
    from knowtrace.service.erasure.service import erase_directly, models_in  # noqa: PLC0415 - the web
    from knowtrace.service.identity.opening import open_store  # noqa: PLC0415
    from knowtrace.service.metrics import Metrics  # noqa: PLC0415
    from knowtrace.service.state_cache import redis_states  # noqa: PLC0415

    if not yes:
        typer.confirm(f"Erase everything kept of {student_id!r}? It cannot be undone.", abort=True)
    settings = settings_of(database_url=database)
    states = redis_states(settings, Metrics())

    async def run() -> "Receipt":
        async with open_store(settings) as store, states or nullcontext():
            found = models_in(models or settings.models or settings.run.parent)
            return await erase_directly(store, settings, operator(tenant), [student_id], found, states)

    show_receipt(asyncio.run(run()), as_json=as_json)


@app.command("answers")
def answers_command(
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; default: one in the export folder, where erasures find it."),
    ] = None,
    tenant: TenantOption = "default",
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a tenant's answers as `knowtrace train --data` reads them, without students who have not agreed to it.

    Example: knowtrace students answers --out answers.csv
    """
    from knowtrace.service.consents.training import write_answers  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.erasure.answer_files import folder_of  # noqa: PLC0415
    from knowtrace.service.identity.opening import open_store  # noqa: PLC0415

    settings = settings_of(database_url=database)
    if out is None:
        folder = folder_of(settings, tenant)
        if folder is None:
            raise typer.BadParameter(
                "There is no export folder: set KNOWTRACE_EXPORT_FOLDER, or name a file by --out."
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = folder / f"answers-{datetime.now(UTC):%Y%m%dT%H%M%S}.csv"
    path = out

    async def run() -> "Written":
        async with open_store(settings) as store:
            return await write_answers(
                store, tenant, path, without_decision=settings.training_consent_default
            )

    written = asyncio.run(run())
    if as_json:
        print_json(asdict(written))
        return
    say(f"{path}: {written.num_answers:,} answers of {written.num_students:,} students.")
    say(f"Left out for want of consent to training: {written.num_left_out:,} students.")


@app.command("retain")
def retain_command(
    older_than: Annotated[
        int,
        typer.Option(
            "--older-than", min=1, help="Days since the last answer after which a student is erased."
        ),
    ],
    *,
    tenant: TenantOption = "default",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    models: ModelsOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase every student whose last answer is older than so many days, and print one receipt for all.

    Of whom no answer counts, all else that is kept must be older. Who answers meanwhile is kept.

    Example: knowtrace students retain --older-than 730 --yes
    """
    from knowtrace.service.erasure.service import models_in, retain_directly  # noqa: PLC0415 - the web
    from knowtrace.service.identity.opening import open_store  # noqa: PLC0415
    from knowtrace.service.metrics import Metrics  # noqa: PLC0415
    from knowtrace.service.state_cache import redis_states  # noqa: PLC0415

    settings = settings_of(database_url=database)
    states = redis_states(settings, Metrics())
    before = datetime.now(UTC) - timedelta(days=older_than)

    async def run() -> "tuple[Receipt | None, int]":
        async with open_store(settings) as store, states or nullcontext():
            async with store.reading(tenant) as session:
                found = await session.silence.since(before)
            if not found:
                return None, 0
            if not yes:
                typer.confirm(f"Erase {len(found):,} students? It cannot be undone.", abort=True)
            trained = models_in(models or settings.models or settings.run.parent)
            return await retain_directly(
                store, settings, operator(tenant), found, trained, states, before=before
            )

    receipt, num_kept = asyncio.run(run())
    if receipt is not None:
        show_receipt(receipt, as_json=as_json, num_kept=num_kept)
    elif not num_kept:
        say(f"Nobody is silent for more than {older_than} days: nothing is erased.")
    if num_kept:
        say(f"Kept: {num_kept:,} students who were found silent, and were not when their turn came.")


def operator(tenant_id: str) -> "Caller":
    """Return whom the audit log names: who runs this command."""
    from knowtrace.service.identity.caller import Caller, Role  # noqa: PLC0415 - other commands do not need the web

    return Caller(tenant_id, f"operator:{getpass.getuser()}", Role.ADMIN)


def show_receipt(receipt: "Receipt", *, as_json: bool, num_kept: int | None = None) -> None:
    """Print a receipt; as JSON with how many were kept after all, where somebody could be."""
    if as_json:
        print_json(receipt.model_dump(mode="json") | ({} if num_kept is None else {"num_kept": num_kept}))
        return
    total = sum(receipt.rows.values())
    held = ", ".join(f"{table} {count:,}" for table, count in receipt.rows.items() if count)
    say(f"Erased: {total:,} rows of {receipt.num_students:,} students ({held or 'nothing was kept'}).")
    if receipt.num_answer_files:
        say(f"Deleted: {receipt.num_answer_files:,} files of answers for training.")
    say(f"Receipt {receipt.receipt_id}, audit line {receipt.audit_line}.")
    for model in receipt.models_trained_before:
        say(f"Trained before: {model.version}, on {model.data} ({model.data_fingerprint}).")
    for line in receipt.waiting:
        say(f"Waiting: {line}")
    for line in receipt.not_covered:
        say(f"Not covered: {line}")
