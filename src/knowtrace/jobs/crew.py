"""Everybody in this process who takes turns at something, until told to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import structlog

from knowtrace.errors import UnavailableError
from knowtrace.jobs.drain import Drain

Turn = Callable[[], Awaitable[bool]]
"""Does one thing; False when there is nothing to do."""

MOST_DEFERRED_SECONDS = 1.0
"""How long live traffic may keep a turn waiting."""

LOOK_SECONDS = 0.01

log: Any = structlog.get_logger("knowtrace.jobs")


class Crew:
    """Tasks that each take turn after turn, and look again after a pause when there is nothing to do.

    Setting `wake` ends the pause.

    Once the drain has begun, no turn is begun any more. One that has begun is finished if the drain leaves time for it;
    else it is stopped in the middle, as a crash would, and is taken up again where it stood by whoever holds the queue
    next.
    """

    def __init__(
        self,
        turns: Sequence[Turn],
        *,
        poll_seconds: float,
        drain: Drain,
        wake: asyncio.Event,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._turns = turns
        self._poll_seconds = poll_seconds
        self._drain = drain
        self._is_busy = is_busy
        self._wake = wake
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.tasks = [
            asyncio.create_task(self._go_on(turn), name=f"crew {number}")
            for number, turn in enumerate(self._turns)
        ]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        seconds_left = self._drain.begin()
        self._wake.set()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds_left)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _go_on(self, turn: Turn) -> None:
        while not self._drain.has_begun:
            await self._give_way()
            self._wake.clear()
            try:
                has_done = await turn()
            except UnavailableError as error:
                log.warning("work waits for the database", error=error.for_operators)
                has_done = False
            except Exception:
                # One bad turn must not end all later ones.
                log.exception("a turn failed")
                has_done = False
            if not has_done and not self._drain.has_begun:
                await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _give_way(self) -> None:
        """Wait while live traffic needs the machine, but not for ever."""
        waited = 0.0
        while self._is_busy() and waited < MOST_DEFERRED_SECONDS and not self._drain.has_begun:
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS
