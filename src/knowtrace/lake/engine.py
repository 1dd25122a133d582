"""What runs a plan: DuckDB on this machine, or Spark. Plans are written once, in the PySpark DataFrame API."""

import errno
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from knowtrace.errors import DataError
from knowtrace.lake.commits import DataFile
from knowtrace.lake.tables import ColumnType, Table

EngineName = Literal["duckdb", "spark"]

Frame = Any
"""A DataFrame of PySpark, or SQLFrame's of the same methods; neither package is typed for our purpose."""

Expression = Any
"""A column expression of either."""


class Engine(Protocol):
    """Reads and writes tables and runs frames.

    `functions` and `window` are the modules and class of the DataFrame API: `engine.functions.col("x")`.
    """

    functions: Any
    window: Any

    def read(self, table: Table, files: Sequence[DataFile], root: Path) -> Frame:
        """Return a table's files as one frame, with a column `bucket` when the table is bucketed."""
        ...

    def write(
        self, frame: Frame, table: Table, folder: Path, root: Path, buckets: Sequence[str] = ()
    ) -> list[DataFile]:
        """Write the table's columns of a frame below a new folder, by bucket when the table is bucketed.

        `buckets` are those that the frame's rows can lie in.
        """
        ...

    def rows(self, frame: Frame) -> list[tuple[Any, ...]]:
        """Run a small frame and return its rows."""
        ...

    def named(self, frame: Frame) -> Frame:
        """Return a frame of the same rows whose plan is short: for frames that several others are made of."""
        ...

    def groups(self, buckets: Iterable[str], rows_of: "dict[str, int]") -> list[list[str]]:
        """Return the buckets in the groups that are worked on together."""
        ...

    def close(self) -> None: ...


SQL_TYPES: dict[ColumnType, str] = {
    "text": "string",
    "long": "bigint",
    "int": "int",
    "double": "double",
    "boolean": "boolean",
    "timestamp": "bigint",
    "texts": "array<string>",
    "longs": "array<bigint>",
    "ints": "array<int>",
    "doubles": "array<double>",
}
"""How a frame holds each type."""


def open_engine(name: str, *, work: Path, memory: str = "4GB", threads: int = 2) -> Engine:
    """Return an engine that spills to the folder `work`.

    Raises: DataError for a name that is none; ModuleNotFoundError when its package is not installed.
    """
    if name == "duckdb":
        from knowtrace.lake.duckdb_engine import DuckDBEngine  # noqa: PLC0415 - the other engine may not be installed

        return DuckDBEngine(work=work, memory=memory, threads=threads)
    if name == "spark":
        from knowtrace.lake.spark_engine import SparkEngine  # noqa: PLC0415 - the other engine may not be installed

        return SparkEngine(work=work, memory=memory, threads=threads)
    raise DataError(f"The engine ({name!r}) must be duckdb or spark.")


FULL_DISK = ("No space left on device", "failed to offload data block")
"""What engines write of a disk that is full: the tables' own, or the one that DuckDB spills to."""


@contextmanager
def told_as_system_error() -> Generator[None]:
    """Raises: OSError (ENOSPC) for an engine's own error that says that a disk is full."""
    try:
        yield
    except Exception as error:
        if any(text in str(error) for text in FULL_DISK):
            raise OSError(errno.ENOSPC, str(error)) from error
        raise


def shaped(frame: Frame, table: Table, functions: Any) -> Frame:
    """Return a frame with the table's columns alone, in order and of their types, and the bucket if it has one."""
    columns = [functions.col(c.name).cast(SQL_TYPES[c.type]).alias(c.name) for c in table.columns]
    if table.is_bucketed:
        columns.append(functions.col("bucket"))
    return frame.select(*columns)


def looked_up(frame: Frame, other: Frame, on: Sequence[str], names: Sequence[str]) -> Frame:
    """Return a frame with columns of another where the keys are found there, null elsewhere.

    Columns are selected by name before anything is computed from them: SQLFrame takes a key within an expression over a
    left join from the right side, where it is null.
    """
    columns = [name for name in frame.columns if name not in names]
    return frame.join(other.select(*on, *names), on=list(on), how="left").select(*columns, *names)
