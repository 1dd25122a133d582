"""Run the service until it is told to stop; `python -m knowtrace.service.server` reads the environment."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom, open_classroom
from knowtrace.service.extras import check_extras
from knowtrace.service.identity.refusals import refuse_unsafe
from knowtrace.service.logs import configure_logging
from knowtrace.settings import Settings


class Server(uvicorn.Server):
    """uvicorn, which on SIGTERM first says that it is leaving, and goes when it has been heard; SIGINT does not wait.

    It also ends the event streams: it would wait for their readers.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, leaving_seconds: float = 0.0) -> None:
        super().__init__(config)
        self._app = app
        self._leaving_seconds = leaving_seconds
        self._is_leaving = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is loaded by now stays: a full collection that walks it all stops every request for a tenth of a second.
        gc.collect()
        gc.freeze()
        gc.enable()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        classroom = getattr(self._app.state, "classroom", None)
        if isinstance(classroom, Classroom):
            classroom.door.close()
            classroom.broker.close()
        if self._is_leaving or sig != signal.SIGTERM or not self._leaving_seconds:
            self._go(sig, frame)
            return
        self._is_leaving = True
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._leaving_seconds, self._go, sig, frame)

    def _go(self, sig: int, frame: FrameType | None) -> None:
        """Let uvicorn wait for its requests; what the workers have in hand is finished in the same time."""
        classroom = getattr(self._app.state, "classroom", None)
        if isinstance(classroom, Classroom):
            classroom.drain.begin()
        super().handle_exit(sig, frame)


def run(settings: Settings, *, pages: Callable[[FastAPI], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then answer what has been asked, store what has been sent, and return.

    `pages` adds what people look at to what programs call. One process, one event loop: the model's steps run
    in threads, and one writer is what SQLite can use.

    Raises:
        SettingsError: the settings would let strangers in, or need what is not installed.
        RunError: the run cannot be served.
        UnavailableError: the database cannot be reached.
    """
    refuse_unsafe(settings)
    check_extras(settings)
    # Until all is loaded nearly nothing becomes garbage, and looking for it is a tenth of a start.
    gc.disable()
    try:
        _open_and_serve(settings, pages)
    finally:
        gc.enable()


def _open_and_serve(settings: Settings, pages: Callable[[FastAPI], None] | None) -> None:
    asyncio.run(_try_opening(settings))
    configure_logging(settings.log_level)
    app = create_app(settings)
    if pages:
        pages(app)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    Server(config, app, leaving_seconds=settings.leaving_seconds).run()


async def _try_opening(settings: Settings) -> None:
    """Open everything once: what is missing is then one error of ours, not a traceback in the web server's log."""
    async with open_classroom(settings):
        pass


if __name__ == "__main__":
    run(Settings())
