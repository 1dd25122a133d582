"""Let go of what this process remembers of students who were erased, here or by another process."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog

from knowtrace.errors import UnavailableError
from knowtrace.service.broker import Broker
from knowtrace.store import Store
from knowtrace.tracing import StudentKey
from knowtrace.tracing.erasing import Erased, Erasure
from knowtrace.tracing.intake import Intake

log: Any = structlog.get_logger("knowtrace.forgetting")


class Forgetting:
    """Tells everybody in this process who remembers students. Who joins is called at every erasure.

    A listener hears whom to forget, None for everybody.
    """

    def __init__(self, broker: Broker) -> None:
        self.seen = 0
        """What `Session.erased_at` said of the last erasure that was heard of."""
        self._broker = broker
        self._listeners: list[Callable[[StudentKey | None], None]] = []

    def join(self, listener: Callable[[StudentKey | None], None]) -> None:
        """Be called whenever something that is remembered must not be used any more."""
        self._listeners.append(listener)

    def forget(self, erasure: Erasure, erased: Erased) -> None:
        """Forget a student who was erased here."""
        student = StudentKey(erasure.tenant_id, erasure.student_id)
        self._broker.end(student)
        self.let_go(student)
        # Unless another process erased somebody in between: that one is still to be heard of.
        if erased.before == self.seen:
            self.seen = erased.position

    def forget_all(self) -> None:
        """Forget every student: another process has erased one, whose id it does not keep."""
        self._broker.end_all()
        self.let_go(None)

    def let_go(self, student: StudentKey | None) -> None:
        """Let a student be read anew, or every one; streams go on."""
        for listener in self._listeners:
            listener(student)


@asynccontextmanager
async def following_erasures(
    forgetting: Forgetting, store: Store, intake: Intake, *, every: float
) -> AsyncGenerator[None]:
    """Look every so many seconds whether a student was erased, and forget what was read before."""
    forgetting.seen = await store.erased_at()

    async def go_on() -> None:
        while True:
            await asyncio.sleep(every)
            try:
                # An erasure of this process's own that is told during the look leaves what was found behind.
                seen = forgetting.seen
                erased_at = await store.erased_at()
                if erased_at in (seen, forgetting.seen):
                    continue
                # The writer takes this behind its own erasures: by then it has told of them.
                await intake.forget()
                if erased_at == forgetting.seen:
                    continue
            except UnavailableError as error:
                log.warning("erasures cannot be followed", error=type(error).__name__)
            except Exception:
                log.exception("erasures cannot be followed")
            else:
                forgetting.seen = erased_at
                forgetting.forget_all()

    task = asyncio.create_task(go_on(), name="erasures")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
