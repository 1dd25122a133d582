"""A real Chromium looking at a real server."""

import asyncio
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from dashboard.sending import events
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from knowtrace.dashboard import add_pages
from knowtrace.registry import Run
from knowtrace.service.app import create_app
from knowtrace.service.server import Server
from knowtrace.settings import Settings

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class LiveServer:
    """The service in a thread of this process, on its own port and database; may be stopped and started."""

    def __init__(self, run: Path, database: Path) -> None:
        self._settings = Settings(run=run, database_url=f"sqlite+aiosqlite:///{database}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        app = create_app(self._settings)
        add_pages(app)
        config = uvicorn.Config(
            app, port=self._port, log_level="warning", lifespan="on", timeout_graceful_shutdown=5
        )
        self._server = Server(config, app)
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()], daemon=True)
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until and self._thread.is_alive(), "the server did not start"
            time.sleep(0.02)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.handle_exit, signal.SIGTERM, None)
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server did not stop"

    def answer(self, student_id: str, items: list[str], *, right: str = "10", since: int = 0) -> None:
        sent = httpx.post(
            f"{self.url}/api/v1/events", json=events(student_id, items, right=right, since=since)
        )
        assert sent.status_code == 200, sent.text


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium on the PATH: the browser tests need one"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tiny_run, tmp_path_factory.mktemp("browser") / "live.db")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def items(opened_run: Run) -> list[str]:
    return [item.item_id for item in opened_run.vocabulary.items]


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, server: LiveServer) -> Iterator[Open]:
    """Open a path of the server; at the end every page must have been silent and have asked nobody else.

    `forgives` is a pattern of console lines that belong to what the test does to the page.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(
        path: str, *, width: int = 1280, height: int = 900, forgives: str = "$^", **context_options: Any
    ) -> Page:
        def hear(kind: str, text: str) -> None:
            if not re.search(forgives, text):
                complaints.append(f"{kind}: {text}")

        context = chromium.new_context(viewport={"width": width, "height": height}, **context_options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: hear(message.type, message.text))
        page.on("pageerror", lambda error: hear("error", str(error)))
        page.on("request", lambda asked: asked.url.startswith(server.url) or hear("request", asked.url))
        page.goto(server.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
