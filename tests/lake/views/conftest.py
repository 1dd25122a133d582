"""A school of six students, small enough to count by hand, in every database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lake.views.databases import Views, in_duckdb, in_postgres, new_database
from lake.views.written_lake import Event, write_lake

MONDAY, TUESDAY, NEXT_MONDAY = (datetime(2024, 1, day, 9) for day in (1, 2, 8))
LOADED = datetime(2024, 3, 1, 12)
HELP = {1: True, 2: False, 3: False, 4: False}

SCHOOL = [
    *(
        Event(student=f"s{n}", item="a", skills=("x",), at=MONDAY, response=int(n <= 3), latency_ms=1000 * n,
              help=HELP.get(n))
        for n in range(1, 7)
    ),
    *(
        Event(student=f"s{n}", item="b", skills=("x", "y"), at=TUESDAY, response=int(n <= 2))
        for n in range(1, 5)
    ),
    *(
        Event(student=f"s{n}", item="a", skills=("x",), at=NEXT_MONDAY, response=int(n <= 4))
        for n in range(1, 6)
    ),
    Event(student="s6", item="c"),
]  # fmt: skip
"""Monday: a, six students, three right. Tuesday: b, four, two right. Next Monday: a, five, four right. No day: c."""


def refused(column_name: str, rule: str) -> dict[str, Any]:
    return {"source_file": "s1.csv", "line": 7, "column_name": column_name, "value": "s1 wrote this", "rule": rule,
            "stage": "candidate", "loaded_at": LOADED}  # fmt: skip


def calibrated(item: str) -> dict[str, Any]:
    return {"item_id": item, "difficulty": -0.5, "discrimination": 1.25, "guessing": 0.0, "num_events": 11,
            "model_version": "m1", "computed_at": LOADED}  # fmt: skip


def watched(at: datetime, score: float) -> dict[str, Any]:
    return {"item_id": "a", "difficulty": -0.5, "recent_success_rate": 0.8, "implied_difficulty": -1.5,
            "drift_score": score, "has_drift": score > 0.5, "recent_attempts": 5, "computed_at": at}  # fmt: skip


def predicted(student: str, item: str, actual: int, score: float, position: int = 1) -> dict[str, Any]:
    return {"user_id": student, "item_id": item, "position": position, "actual": actual, "predicted": score,
            "model_version": "m1", "computed_at": LOADED}  # fmt: skip


OTHERS = {
    "silver.quarantine": [
        refused("correct", "is 0 or 1"),
        refused("correct", "is 0 or 1"),
        refused("", "is whole"),
    ],
    "gold.item_parameters": [calibrated("a"), calibrated("c")],
    "gold.item_drift": [watched(LOADED, 0.25), watched(LOADED.replace(hour=13), 1.0)],
    "gold.sakt_predictions": [
        *(predicted(f"s{n}", "a", int(n <= 3), 0.72) for n in range(1, 6)),
        predicted("s1", "b", 1, 1.0, position=2),
        predicted("s6", "a", 0, 0.0),
    ],
}


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lake(tmp_path_factory.mktemp("school"), SCHOOL, OTHERS)


OpenViews = Callable[[Path, int], Views]
"""Gives the views of a lake with a minimum; they are made once."""


@pytest.fixture(scope="session")
def duckdb_views() -> Iterator[OpenViews]:
    with ExitStack() as stack:
        yield cache(lambda root, minimum: stack.enter_context(in_duckdb(root, minimum)))


@pytest.fixture(scope="session")
def postgres_views(postgres_url: str) -> Iterator[OpenViews]:
    """Each lake and minimum gets a database of its own."""
    with ExitStack() as stack:

        def opened(root: Path, minimum: int) -> Views:
            url = stack.enter_context(new_database(postgres_url))
            return stack.enter_context(in_postgres(root, minimum, url))

        yield cache(opened)


@pytest.fixture(params=["duckdb_views", "postgres_views"], ids=["duckdb", "postgres"])
def open_views(request: pytest.FixtureRequest) -> OpenViews:
    """Makes the views of a lake in one kind of database, with a minimum."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def both_views(
    duckdb_views: OpenViews, postgres_views: OpenViews
) -> Callable[[Path, int], tuple[Views, Views]]:
    """Makes the views of a lake in DuckDB and in PostgreSQL."""
    return lambda root, minimum: (duckdb_views(root, minimum), postgres_views(root, minimum))
