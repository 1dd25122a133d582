"""The pages of a service in this process, over a database of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from dashboard.sending import events
from knowtrace.dashboard import add_pages
from knowtrace.registry import Run
from knowtrace.service.app import create_app
from knowtrace.settings import Settings


class Pages:
    """A browser without a screen, and a client that sends answers."""

    def __init__(self, app: FastAPI, portal: BlockingPortal) -> None:
        self.app = app
        self._portal = portal
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages.test")

    def get(self, path: str, params: dict[str, str] | None = None) -> httpx.Response:
        return self._portal.call(lambda: self._client.get(path, params=params))

    def post(self, path: str, **request: Any) -> httpx.Response:
        return self._portal.call(lambda: self._client.post(path, **request))

    def answer(self, student_id: str, items: list[str], *, right: str = "10", since: int = 0) -> None:
        sent = self.post("/api/v1/events", json=events(student_id, items, right=right, since=since))
        assert sent.status_code == 200, sent.text


@pytest.fixture
def pages(tiny_run: Path, tmp_path: Path) -> Iterator[Pages]:
    app = create_app(Settings(run=tiny_run, database_url=f"sqlite+aiosqlite:///{tmp_path}/pages.db"))
    add_pages(app)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield Pages(app, portal)


@pytest.fixture
def items(opened_run: Run) -> list[str]:
    return [item.item_id for item in opened_run.vocabulary.items]
