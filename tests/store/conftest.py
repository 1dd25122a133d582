"""Databases to test on: SQLite always, PostgreSQL where there is one."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from knowtrace.store import Store


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An empty database with every table."""
    async with empty(database_url) as store:
        yield store


@pytest.fixture
async def postgres_store(postgres_url: str) -> AsyncIterator[Store]:
    """The same, on PostgreSQL, for what SQLite has not."""
    async with empty(postgres_url) as store:
        yield store


@pytest.fixture
async def as_service(postgres_store: Store, postgres_url: str) -> AsyncIterator[Store]:
    """The same database, as a role that neither owns the tables nor goes past policies."""
    async with postgres_store._engine.begin() as connection:
        known = await connection.scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = 'service'"))
        if not known:
            await connection.execute(sa.text("CREATE ROLE service LOGIN PASSWORD 'service'"))
        await connection.execute(sa.text("GRANT USAGE ON SCHEMA public TO service"))
        await connection.execute(
            sa.text("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO service")
        )
    url = make_url(postgres_url).set(username="service", password="service")
    async with Store(url.render_as_string(hide_password=False)) as service:
        yield service


@asynccontextmanager
async def empty(
    database_url: str, *, lock_wait_seconds: float = 0.2, audit_key: bytes = b""
) -> AsyncGenerator[Store]:
    async with Store(database_url, lock_wait_seconds=lock_wait_seconds, audit_key=audit_key) as store:
        if database_url.startswith("postgresql"):
            async with store._engine.begin() as connection:  # one server for all tests
                await connection.execute(sa.text("DROP SCHEMA public CASCADE"))
                await connection.execute(sa.text("CREATE SCHEMA public"))
        await store.migrate()
        yield store
