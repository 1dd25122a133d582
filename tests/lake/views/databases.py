"""The views of a lake in DuckDB, in PostgreSQL and in Spark, as rows."""

import math
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from knowtrace.lake.views import VIEWS, View
from knowtrace.lake.views.publish import publish
from knowtrace.lake.views.script import script

BY_NAME = {view.name: view for view in VIEWS}

Row = dict[str, Any]


class Views:
    """A database that holds the views, under their bare names."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def query(self, text: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(text).fetchall()

    def rows(self, name: str) -> list[Row]:
        view = BY_NAME[name]
        names = [column.name for column in view.columns]
        found = self.query(f"SELECT {', '.join(names)} FROM {name}")
        return sorted(
            (dict(zip(names, row, strict=True)) for row in found), key=lambda row: key_of(view, row)
        )

    def cell(self, name: str, **key: Any) -> Row:
        """Return the one row of a key."""
        (found,) = [row for row in self.rows(name) if all(row[part] == value for part, value in key.items())]
        return found


def key_of(view: View, row: Row) -> tuple[str, ...]:
    return tuple(str(row[column.name]) for column in view.key)


@contextmanager
def in_duckdb(root: Path, minimum: int) -> Iterator[Views]:
    with duckdb.connect() as connection:
        connection.execute(script(root, "duckdb", minimum=minimum))
        yield Views(connection)


class SparkViews(Views):
    """The views in a Spark session, its connection here."""

    def query(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.sql(text).collect()]


@contextmanager
def in_spark(root: Path, minimum: int, session: Any) -> Iterator[Views]:
    """The views are made anew: a session has those of one lake and minimum at a time."""
    for statement in script(root, "spark", minimum=minimum).rstrip(";\n").split(";\n\n"):
        session.sql(statement)
    session.sql("USE lake_bi")
    yield SparkViews(session)


@contextmanager
def in_postgres(root: Path, minimum: int, url: str) -> Iterator[Views]:
    publish(root, url, minimum=minimum)
    with connected(url) as connection:
        connection.execute("SET search_path TO lake_bi")
        yield Views(connection)


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """Make an empty database on the server of a URL, for a while, and give its URL."""
    name = f"views_{uuid.uuid4().hex[:8]}"
    with connected(url) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{url.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name}")


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Return whether two rows are equal, floats to nine digits: the engines add in different orders."""
    return len(first) == len(second) and all(_same(a, b) for a, b in zip(first, second, strict=True))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and b is not None:
        return math.isclose(a, float(b), rel_tol=1e-9, abs_tol=1e-12)
    return a == b
