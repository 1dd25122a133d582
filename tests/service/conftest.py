"""The real service over a real SQLite file, spoken to through HTTP."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.engine import make_url

from knowtrace.registry import Run
from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings
from knowtrace.store import Store

Body = dict[str, Any]
ROLE = "school_service"
GRANTS = (
    f"GRANT USAGE ON SCHEMA public TO {ROLE}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE}",
    f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}",
)
"""Those of docs/security.md."""


@pytest.fixture
async def as_role(postgres_url: str) -> AsyncIterator[str]:
    """The address of a database whose tables another role has made."""
    async with Store(postgres_url) as owner:
        async with owner._engine.begin() as connection:
            await connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            await connection.execute(sa.text("CREATE SCHEMA public"))
            await connection.execute(sa.text(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'only for this test'"))
        await owner.migrate()
        async with owner._engine.begin() as connection:
            for grant in GRANTS:
                await connection.execute(sa.text(grant))
    yield (
        make_url(postgres_url)
        .set(username=ROLE, password="only for this test")
        .render_as_string(hide_password=False)
    )
    async with Store(postgres_url) as owner, owner._engine.begin() as connection:
        await connection.execute(sa.text(f"DROP OWNED BY {ROLE}"))
        await connection.execute(sa.text(f"DROP ROLE {ROLE}"))


@pytest.fixture
def settings(sqlite_url: str, tiny_run: Path) -> Settings:
    return Settings(
        database_url=sqlite_url,
        run=tiny_run,
        lock_wait_seconds=0.1,
        max_request_bytes=512 * 1024,
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def classroom(app: FastAPI) -> Classroom:
    return app.state.classroom


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.fixture
def event(opened_run: Run) -> Callable[..., Body]:
    """Make a well-formed answer: one minute after the other, about the known items in turn.

    Needs no service: a test that opens its own would have this one beside it, on one database.
    """
    items = opened_run.vocabulary.items

    def make(number: int = 1, **changes: Any) -> Body:
        body: Body = {
            "event_id": f"e{number}",
            "student_id": "anna",
            "item_id": items[number % len(items)].item_id,
            "correct": number % 3 != 0,
            "answered_at": f"2026-03-01T{10 + number // 60:02d}:{number % 60:02d}:00Z",
        }
        body.update(changes)
        return {key: value for key, value in body.items() if value is not ...}

    return make
