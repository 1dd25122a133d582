"""Databases to test on: SQLite always, PostgreSQL where there is one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knowtrace.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty database with every table."""
    async with Store(database_url, lock_wait_seconds=0.2) as store:
        await store.migrate("base")
        await store.migrate()
        yield store
