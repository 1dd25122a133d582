"""A view's one definition in the SQL of DuckDB, PostgreSQL and Spark (Databricks, Delta)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import sqlglot
from sqlglot import exp

from knowtrace.lake.checks import BY_NAME
from knowtrace.lake.tables import Table
from knowtrace.lake.views.view import View, query

Dialect = Literal["duckdb", "postgres", "spark"]
Node = Any
"""A node of sqlglot's tree; it does not export the type."""

DIALECTS: tuple[Dialect, ...] = ("duckdb", "postgres", "spark")

VIEW_SCHEMA = "lake_bi"
"""Where PostgreSQL and Spark hold the views: readers are granted this schema and nothing else."""


@dataclass(frozen=True, slots=True)
class Names:
    """How a dialect calls the schemas of tables, and the schema of the views; DuckDB keeps views in its own."""

    prefix: str
    view_schema: str | None


NAMES: dict[Dialect, Names] = {
    "duckdb": Names(prefix="", view_schema=None),
    "postgres": Names(prefix="lake_", view_schema=VIEW_SCHEMA),
    "spark": Names(prefix="", view_schema=VIEW_SCHEMA),
}


def tables_read(views: Sequence[View]) -> tuple[Table, ...]:
    """Return the tables of the lake that some views read, in order of name."""
    names = {
        f"{table.db}.{table.name}"
        for view in views
        for table in sqlglot.parse_one(view.cells, read="duckdb").find_all(exp.Table)
        if table.db
    }
    return tuple(BY_NAME[name] for name in sorted(names))


@cache
def view_query(view: View, dialect: Dialect, minimum: int) -> str:
    """Return a view's query. Raises: ValueError when `minimum` is below 1."""
    names = NAMES[dialect]
    tree = sqlglot.parse_one(query(view, minimum), read="duckdb")
    for table in tree.find_all(exp.Table):
        if table.db:
            table.set("db", exp.to_identifier(names.prefix + table.db))
        elif table.name.startswith("bi_") and names.view_schema:
            table.set("db", exp.to_identifier(names.view_schema))
    for quantile in list(tree.find_all(exp.PercentileCont, exp.Quantile)):
        quantile.replace(
            _quantile(quantile.this, quantile.args.get("quantile") or quantile.expression, dialect)
        )
    return tree.sql(dialect=dialect, pretty=True)


def view_name(view: View, dialect: Dialect) -> str:
    schema = NAMES[dialect].view_schema
    return f"{schema}.{view.name}" if schema else view.name


def create_view(view: View, dialect: Dialect, minimum: int) -> str:
    """Return the statement that makes a view, or makes it anew with the same columns."""
    return f"CREATE OR REPLACE VIEW {view_name(view, dialect)} AS\n{view_query(view, dialect, minimum)}"


def _quantile(values: Node, share: Node, dialect: Dialect) -> Node:
    """Return the interpolated quantile: sqlglot would make Spark's an approximation."""
    if dialect == "spark":
        return exp.Anonymous(this="PERCENTILE", expressions=[values.copy(), share.copy()])
    if dialect == "postgres":
        order = exp.Order(expressions=[exp.Ordered(this=values.copy())])
        return exp.WithinGroup(this=exp.PercentileCont(this=share.copy()), expression=order)
    return exp.Anonymous(this="QUANTILE_CONT", expressions=[values.copy(), share.copy()])
