"""`publish`: the tables that the views read, into PostgreSQL, and the views over them, in one transaction.

Readers see the tables of the publication before until the new one is whole; a publication that is stopped changes
nothing. A table whose files are those that were loaded last is not loaded again.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import duckdb
import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict
from pyarrow import csv

from knowtrace.errors import ConflictError, DataError
from knowtrace.lake.commits import CommitLog, Snapshot
from knowtrace.lake.tables import Column, ColumnType, Table
from knowtrace.lake.views import MINIMUM, VIEWS
from knowtrace.lake.views.dialects import NAMES, VIEW_SCHEMA, create_view, tables_read
from knowtrace.lake.views.script import files_query

LOCK = 4_207_849_484
"""The number of the lock that a publication holds: any that no other program of the database uses."""

BATCH_ROWS = 50_000

PATIENCE_SECONDS = 10

WHERE = "--database or KNOWTRACE_LAKE_DATABASE_URL"

POSTGRES_TYPES: dict[ColumnType, LiteralString] = {
    "text": "text",
    "long": "bigint",
    "int": "integer",
    "double": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "texts": "text[]",
    "longs": "bigint[]",
    "ints": "integer[]",
    "doubles": "double precision[]",
}

PUBLISHED = sql.Identifier("lake_silver", "published_tables")
"""What is loaded; beside the tables, where readers of the views do not come."""

Cursor = psycopg.Cursor[tuple[Any, ...]]


@dataclass(kw_only=True)
class Publication:
    """What a publication did: the rows of each table, and which of them were loaded."""

    version: int
    rows: dict[str, int] = field(default_factory=dict[str, int])
    loaded: list[str] = field(default_factory=list[str])


def _quiet(_table: str, _done: int, _total: int) -> None: ...


def publish(
    root: Path,
    url: str,
    *,
    minimum: int | None = None,
    progress: Callable[[str, int, int], None] = _quiet,
) -> Publication:
    """Load a lake's last commit into the schemas `lake_silver` and `lake_gold` and make the views in `lake_bi`.

    Cells of fewer students than `minimum` are withheld: by default than in the publication before, than 5 in the first.
    `progress` is told the table, the rows loaded and the rows it has.

    Raises: DataError when there is no lake or the database cannot be reached; ConflictError when another
    publication is running, or what others built in the database stands in the way; ValueError when `minimum` is
    below 1.
    """
    snapshot = _built_snapshot(root)
    publication = Publication(version=snapshot.version)
    try:
        with _connected(url) as connection, connection.cursor() as cursor:
            _lock(cursor)
            known = _prepared(cursor)
            minimum = _minimum_before(cursor) if minimum is None else minimum
            views = [create_view(view, "postgres", minimum) for view in VIEWS]
            replaced: list[Table] = []
            for table in tables_read(VIEWS):
                digest = _digest(table, snapshot, root)
                publication.rows[table.full_name] = snapshot.num_rows(table)
                if known.get(table.full_name) == digest and _exists(cursor, table):
                    continue
                _load(cursor, table, snapshot, root, progress)
                _remember(cursor, table.full_name, digest, snapshot.num_rows(table), snapshot)
                replaced.append(table)
                publication.loaded.append(table.full_name)
            if replaced or not _stand(cursor, known, views):
                _keep_readers_out(cursor)
                retired = [table for table in replaced if _swap(cursor, table)]
                for statement in views:
                    cursor.execute(statement.encode())
                for table in retired:
                    cursor.execute(sql.SQL("DROP TABLE {}").format(_name(table, "__old")))
                _remember(cursor, VIEW_SCHEMA, _digest_of(views), len(views), snapshot, minimum)
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        raise ConflictError(
            f"A reader has held the views for more than {PATIENCE_SECONDS} seconds: nothing was published. Run again, "
            "or end sessions that are `idle in transaction` (pg_stat_activity)."
        ) from None
    except errors.InvalidTableDefinition as error:
        raise ConflictError(
            f"A view in {VIEW_SCHEMA} has other columns than this version makes ({_first_line(error)}). "
            f"Run `DROP SCHEMA {VIEW_SCHEMA} CASCADE`, then publish again."
        ) from None
    except errors.DependentObjectsStillExist as error:
        detail = (error.diag.message_detail or str(error)).replace("\n", "; ")
        raise ConflictError(
            f"Something in the database stands on a table that is replaced ({detail}). Build on the views of "
            f"{VIEW_SCHEMA} instead, or drop it, then publish again."
        ) from None
    return publication


def _connected(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect; what is said of a URL that cannot be used repeats no part of its password."""
    plain = _plain(url)
    try:
        is_clear = "@" not in str(conninfo_to_dict(plain).get("host") or "")
    except psycopg.ProgrammingError:
        is_clear = False
    if not is_clear:
        raise DataError(
            f"The database's URL cannot be read. Check {WHERE}: postgresql://user@host:port/name, with %25 for a % and "
            "%40 for an @ in the password."
        )
    try:
        return psycopg.connect(plain, connect_timeout=PATIENCE_SECONDS)
    except psycopg.OperationalError as error:
        raise DataError(f"The database cannot be reached ({_first_line(error)}). Check {WHERE}.") from None


def _built_snapshot(root: Path) -> Snapshot:
    """Return the last commit; one that an erasure left without answers is published, too: as empty tables."""
    snapshot = CommitLog(root).last()
    if snapshot.version == 0:
        raise DataError(f"There is no lake at {root}: run `knowtrace lake build` first.")
    return snapshot


def _lock(cursor: Cursor) -> None:
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
    if cursor.fetchone() != (True,):
        raise ConflictError("Another publication into this database is running: wait for it, then run again.")


def _prepared(cursor: Cursor) -> dict[str, str]:
    """Make the schemas and return the digest of each table that is loaded."""
    prefix = NAMES["postgres"].prefix
    for schema in (f"{prefix}silver", f"{prefix}gold", VIEW_SCHEMA):
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    cursor.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (table_name text PRIMARY KEY, digest text NOT NULL, "
            "num_rows bigint NOT NULL, lake_version bigint NOT NULL, published_at timestamptz NOT NULL)"
        ).format(PUBLISHED)
    )
    # Of the views alone. A table that an earlier version made has no such column.
    cursor.execute(sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS minimum bigint").format(PUBLISHED))
    cursor.execute(sql.SQL("SELECT table_name, digest FROM {}").format(PUBLISHED))
    return {str(name): str(digest) for name, digest in cursor.fetchall()}


def _minimum_before(cursor: Cursor) -> int:
    cursor.execute(sql.SQL("SELECT minimum FROM {} WHERE table_name = %s").format(PUBLISHED), [VIEW_SCHEMA])
    found = cursor.fetchone()
    return MINIMUM if found is None or found[0] is None else int(found[0])


def _exists(cursor: Cursor, table: Table) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{_schema(table)}.{table.name}"])
    return cursor.fetchone() == (True,)


def _load(
    cursor: Cursor,
    table: Table,
    snapshot: Snapshot,
    root: Path,
    progress: Callable[[str, int, int], None],
) -> None:
    """Load a table beside the one that readers see."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(POSTGRES_TYPES[c.type]))
        for c in table.columns
    )
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(_name(table, "__new"), columns))
    total, done = snapshot.num_rows(table), 0
    command = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(_name(table, "__new"))
    with cursor.copy(command) as copy:
        for batch in _batches(table, snapshot, root):
            text = io.BytesIO()
            # Every value quoted: in PostgreSQL's reading an empty cell without quotes is null, one with quotes is text.
            csv.write_csv(batch, text, csv.WriteOptions(include_header=False, quoting_style="all_valid"))
            copy.write(text.getvalue())
            done += batch.num_rows
            progress(table.full_name, done, total)
    cursor.execute(sql.SQL("ANALYZE {}").format(_name(table, "__new")))


def _batches(table: Table, snapshot: Snapshot, root: Path) -> Iterator[Any]:
    """Yield a table's rows as Arrow record batches whose columns PostgreSQL can read as CSV."""
    columns = ", ".join(_as_text(column) for column in table.columns)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        query = f"SELECT {columns} FROM ({files_query(table, snapshot, root)})"
        reader: Any = connection.sql(query).to_arrow_reader(BATCH_ROWS)
        yield from reader


def _as_text(column: Column) -> str:
    """Return the column as PostgreSQL reads it: lists in braces, and no zero bytes, which its text cannot hold."""
    name = f'"{column.name}"'
    match column.type:
        case "text":
            return f"replace({name}, chr(0), chr(65533)) AS {name}"
        case "texts":
            element = "replace(replace(replace(v, chr(0), chr(65533)), '\\', '\\\\'), '\"', '\\\"')"
            cells = f"[coalesce('\"' || {element} || '\"', 'NULL') for v in {name}]"
            return f"'{{' || array_to_string({cells}, ',') || '}}' AS {name}"
        case "longs" | "ints" | "doubles":
            cells = f"[coalesce(v::VARCHAR, 'NULL') for v in {name}]"
            return f"'{{' || array_to_string({cells}, ',') || '}}' AS {name}"
        case _:
            return name


def _stand(cursor: Cursor, known: Mapping[str, str], statements: Sequence[str]) -> bool:
    """Return whether all the views stand as these statements make them."""
    return known.get(VIEW_SCHEMA) == _digest_of(statements) and len(_standing(cursor)) == len(VIEWS)


def _standing(cursor: Cursor) -> list[str]:
    """Return which of the views there are, in the order they are made."""
    cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = %s", [VIEW_SCHEMA])
    found = {str(name) for (name,) in cursor.fetchall()}
    return [view.name for view in VIEWS if view.name in found]


def _keep_readers_out(cursor: Cursor) -> None:
    """Wait for the readers of the views, but not for long: whoever comes meanwhile waits behind us.

    A view is locked before its tables, as a reader locks them: in another order the two would wait for each other.
    """
    cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{PATIENCE_SECONDS}s")))
    for name in _standing(cursor):
        cursor.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(VIEW_SCHEMA, name))
        )


def _remember(
    cursor: Cursor, name: str, digest: str, num_rows: int, snapshot: Snapshot, minimum: int | None = None
) -> None:
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} VALUES (%s, %s, %s, %s, now(), %s) ON CONFLICT (table_name) DO UPDATE SET "
            "digest = excluded.digest, num_rows = excluded.num_rows, lake_version = excluded.lake_version, "
            "published_at = excluded.published_at, minimum = excluded.minimum"
        ).format(PUBLISHED),
        [name, digest, num_rows, snapshot.version, minimum],
    )


def _swap(cursor: Cursor, table: Table) -> bool:
    """Put the loaded table in the place of the one before; return whether there was one."""
    had_one = _exists(cursor, table)
    rename = sql.SQL("ALTER TABLE {} RENAME TO {}")
    if had_one:
        cursor.execute(rename.format(_name(table), sql.Identifier(f"{table.name}__old")))
    cursor.execute(rename.format(_name(table, "__new"), sql.Identifier(table.name)))
    return had_one


def _digest(table: Table, snapshot: Snapshot, root: Path) -> str:
    """Return what tells one content of a table from another: its columns, and the place, size and time of its files."""
    facts = [f"{column.name} {column.type}" for column in table.columns]
    for file in snapshot.files(table):
        path = (root / file.path).resolve()
        status = path.stat()
        facts.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return _digest_of(facts)


def _digest_of(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _schema(table: Table) -> str:
    return NAMES["postgres"].prefix + table.layer


def _name(table: Table, ending: str = "") -> sql.Identifier:
    return sql.Identifier(_schema(table), table.name + ending)


def _plain(url: str) -> str:
    """Return the URL without the driver that `knowtrace serve` writes into it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
