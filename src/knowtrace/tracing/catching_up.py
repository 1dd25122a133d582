"""Students who were set aside as too much of their past has changed: replayed beside the writer, then refreshed by it.

A late answer to a long history would else hold the writer, and with it everybody, for as long as the replay takes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from knowtrace.errors import KnowTraceError
from knowtrace.store import Store
from knowtrace.tracing.ahead import replay_one
from knowtrace.tracing.student import StudentKey
from knowtrace.tracing.tracer import Tracer

logger = logging.getLogger(__name__)


class CatchingUp:
    """Replays one student at a time; `refresh` brings the stored state up to date from the snapshots that leaves.

    Who cannot be replayed now is left as set aside: the next answer sets out again.
    """

    def __init__(self, store: Store, refresh: Callable[[StudentKey], Awaitable[None]]) -> None:
        self._store = store
        self._refresh = refresh
        self._waiting: dict[StudentKey, Tracer] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self, students: Iterable[StudentKey], tracer: Tracer) -> None:
        """Let students be replayed soon; one who is being replayed is so once more."""
        self._waiting.update(dict.fromkeys(students, tracer))
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._go_on(), name="catching up")

    async def close(self) -> None:
        """Leave the rest as set aside."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while self._waiting:
            student = next(iter(self._waiting))
            tracer = self._waiting.pop(student)
            try:
                await replay_one(self._store, tracer, *student)
                await self._refresh(student)
            except KnowTraceError as error:
                logger.warning("A student stays set aside until the next answer", exc_info=error)
            except Exception:
                logger.exception("A student stays set aside until the next answer")
