"""What a failing database means for who asked it."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from knowtrace.errors import UnavailableError


@contextmanager
def uncertain_commit() -> Generator[None]:
    """Where a connection is lost while the database commits, nobody can say whether it did."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if not error.connection_invalidated:
            raise
        raise UnavailableError(
            "The connection to the database was lost while it stored this; it may have. Send it again with the same "
            "ids in a moment, or look first where it has none: what has an id is not stored twice."
        ) from error


@contextmanager
def unavailable() -> Generator[None]:
    """Say of a database that cannot answer that it is away, and that nothing was stored."""
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
        # What PostgreSQL calls internal is this where it has ended the connection: a pause that was too long.
        if isinstance(error, InternalError) and not error.connection_invalidated:
            raise
        cause = getattr(error, "orig", None) or error
        raise UnavailableError(
            "The database cannot answer. Nothing was stored by this call; send it again in a moment.",
            behind=f"{type(cause).__name__}: {cause}",
        ) from error
