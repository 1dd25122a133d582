"""The settings of this installation, as a command reads them."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from knowtrace.errors import SettingsError

if TYPE_CHECKING:
    from knowtrace.settings import Settings

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database", help="Database URL; default: KNOWTRACE_DATABASE_URL, or SQLite in knowtrace.db here."
    ),
]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose: each school's data are its own.")]


def settings_of(**options: Any) -> "Settings":
    """Return the settings: an option that is None is left to the environment.

    Raises:
        SettingsError: some of them cannot be used; all of those are named.
    """
    from knowtrace.settings import Settings  # noqa: PLC0415 - other commands do not need them

    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"These settings cannot be used: {problems}. They come from KNOWTRACE_… variables."
        ) from None
