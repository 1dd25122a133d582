"""`knowtrace keys`: who may ask this installation, and as what."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from knowtrace.cli.installation import DatabaseOption, TenantOption, settings_of
from knowtrace.cli.terminal import out, print_json, say

if TYPE_CHECKING:
    from knowtrace.service.identity.issuing import IssuedKey, KeyDesk

T = TypeVar("T")
STATES = ("expired", "valid", "valid, two secrets")
"""By how many of its secrets are accepted."""

app = typer.Typer(no_args_is_help=True, help="Make, list, replace and revoke API keys.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY_ID", help="The 16 characters between kt_ and _.")]


@app.command("create")
def create_command(
    role: Annotated[str, typer.Option(help="student, educator, admin or service.")],
    name: Annotated[str, typer.Option(help="What it is for, so that the list can be read.")],
    *,
    tenant: TenantOption = "default",
    student: Annotated[str | None, typer.Option(help="Whose key it is, for role student.")] = None,
    scopes: Annotated[
        str | None, typer.Option(help="Only these permissions of the role: mastery:read,predict.")
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; default: never.")
    ] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. Its secret is shown this once and kept nowhere.

    Example: knowtrace keys create --role service --name "learning platform"
    """
    from knowtrace.service.identity.caller import Role  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.identity.issuing import KeyRequest  # noqa: PLC0415

    if role not in set(Role):
        raise typer.BadParameter(f"{role!r}: choose among {', '.join(Role)}.", param_hint="--role")
    asked = KeyRequest(
        tenant_id=tenant,
        role=Role(role),
        name=name,
        student_id=student,
        scopes=frozenset(part.strip() for part in (scopes or "").split(",") if part.strip()),
        expires_in=timedelta(days=expires_days) if expires_days else None,
    )
    issued = _at_desk(database, lambda desk: desk.create(asked))
    _show(issued, as_json=as_json, note="This is the only time it is shown. Keep it like a password.")


@app.command("list")
def list_command(
    *, tenant: TenantOption = "default", database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """List a tenant's keys, revoked ones too; never their secrets.

    Example: knowtrace keys list --tenant default
    """
    keys = _at_desk(database, lambda desk: desk.all(tenant))
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = [
        {
            "key_id": key.key_id,
            "role": key.role,
            "student_id": key.student_id,
            "name": key.name,
            "scopes": list(key.scopes),
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
            "last_used_at": key.last_used_at,
            "num_secrets": len(key.hashes(now)),
        }
        for key in keys
    ]
    if as_json:
        print_json({"tenant_id": tenant, "keys": rows})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("key id", no_wrap=True)
    for heading in ("role", "name", "created", "last used", "state"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        whose = f" of {row['student_id']}" if row["student_id"] else ""
        accepted = STATES[row["num_secrets"]]
        table.add_row(
            row["key_id"],
            escape(row["role"] + whose),
            escape(row["name"]),
            f"{row['created_at']:%Y-%m-%d}",
            f"{row['last_used_at']:%Y-%m-%d %H:00}" if row["last_used_at"] else "never",
            "revoked" if row["revoked_at"] else accepted,
        )
    out.print(table)


@app.command("rotate")
def rotate_command(
    key_id: KeyArgument,
    *,
    overlap_hours: Annotated[
        float,
        typer.Option(min=0, max=24 * 30, help="How long the old secret is accepted beside the new one."),
    ] = 24.0,
    tenant: TenantOption = "default",
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a key a new secret; the old one is accepted beside it for the overlap.

    Example: knowtrace keys rotate 0123456789abcdef --overlap-hours 2
    """
    overlap = timedelta(hours=overlap_hours)
    issued = _at_desk(database, lambda desk: desk.rotate(tenant, key_id, overlap=overlap))
    _show(issued, as_json=as_json, note=f"The secret before it is accepted for {overlap_hours:g} h more.")


@app.command("revoke")
def revoke_command(
    key_id: KeyArgument, *, tenant: TenantOption = "default", database: DatabaseOption = None
) -> None:
    """Take a key back: every running process refuses it within 5 seconds.

    Example: knowtrace keys revoke 0123456789abcdef
    """
    _at_desk(database, lambda desk: desk.revoke(tenant, key_id))
    say(f"{key_id} is revoked: every process refuses it within 5 seconds.")


def _at_desk(database: str | None, work: "Callable[[KeyDesk], Awaitable[T]]") -> T:
    from knowtrace.service.identity.caller import Caller, Role  # noqa: PLC0415 - other commands do not need the web
    from knowtrace.service.identity.issuing import KeyDesk  # noqa: PLC0415
    from knowtrace.service.identity.opening import open_store  # noqa: PLC0415

    operator = Caller("default", f"operator:{getpass.getuser()}", Role.ADMIN)

    async def run() -> T:
        async with open_store(settings_of(database_url=database)) as store:
            return await work(KeyDesk(store, operator, has_operators=True))

    return asyncio.run(run())


def _show(issued: "IssuedKey", *, as_json: bool, note: str) -> None:
    if as_json:
        print_json({"key": issued.key.text, "key_id": issued.key.key_id})
        return
    out.print(issued.key.text, soft_wrap=True, highlight=False)
    say(note)
