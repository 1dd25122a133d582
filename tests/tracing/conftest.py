"""A model that answers, and a database of its own for what it is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knowtrace.registry import Run
from knowtrace.store import Store
from knowtrace.tracing import Tracer
from tests.store.conftest import empty


@pytest.fixture
def tracer(tiny_run: Path) -> Tracer:
    return Tracer(Run.open(tiny_run))


on_every_database = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
"""For tests of what must be exact wherever it is stored; the others have SQLite."""


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("postgres_url")
    return request.getfixturevalue("sqlite_url")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with empty(database_url, lock_wait_seconds=5.0) as store:
        yield store
