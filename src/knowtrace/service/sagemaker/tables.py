"""The forms of MLflow that are not lists of records, read as such lists."""

from typing import Any

MOST_NAMED = 10
"""Rows and columns named in one problem; a table may have a thousand that are wrong."""


def records_of_split(table: Any) -> Any:
    """Read `{"columns": […], "data": [[…], …]}` as records; an `index` is taken and not read.

    Raises:
        ValueError: it has another form; every problem is named.
    """
    if not isinstance(table, dict):
        raise ValueError('must be {"columns": […], "data": [[…], …]}')  # noqa: TRY004 - pydantic reports this one
    columns, data = table.get("columns"), table.get("data")
    problems = [
        f"{key} is not one of columns, data and index"
        for key in list(table)[:MOST_NAMED]
        if key not in {"columns", "data", "index"}
    ]
    if not isinstance(table.get("index"), list | None):
        problems.append("index must be a list")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        problems.append("columns must be a list of names")
    elif len(set(columns)) < len(columns):
        problems.append("columns must have different names")
    if not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        problems.append("data must be a list of rows, each a list of cells")
    elif isinstance(columns, list):
        wrong = [number for number, row in enumerate(data) if len(row) != len(columns)]
        if wrong:
            problems.append(
                f"every row must have {len(columns)} cells, one per column: {_some(wrong)} have not"
            )
    if problems:
        raise ValueError("; ".join(problems))
    assert isinstance(columns, list)
    assert isinstance(data, list)
    return [dict(zip(columns, row, strict=True)) for row in data]


def records_of_columns(table: Any) -> Any:
    """Read `{"column": [a cell per row, …], …}` as records; a list is one of records already.

    Raises:
        ValueError: a column is no list, or their lengths differ.
    """
    if not isinstance(table, dict):
        return table
    single = [name for name, cells in table.items() if not isinstance(cells, list)]
    if single:
        raise ValueError(f"every column must be a list of cells: {_some(single)} are not")
    lengths = {len(cells) for cells in table.values()}
    if len(lengths) > 1:
        raise ValueError(f"every column must have as many cells: there are {_some(sorted(lengths))}")
    return [{name: cells[row] for name, cells in table.items()} for row in range(max(lengths, default=0))]


def _some(things: list[Any]) -> str:
    shown = ", ".join(str(thing) for thing in things[:MOST_NAMED])
    return shown if len(things) <= MOST_NAMED else f"{shown} and {len(things) - MOST_NAMED} more"
