"""Which erasures a process has heard of: its own end one student's streams, another's all of them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from knowtrace.service.broker import Broker
from knowtrace.service.forgetting import Forgetting, following_erasures
from knowtrace.store import Deed
from knowtrace.tracing.erasing import Erased, Erasure

DEED = Deed(subject="x", role="admin", action="students.erase", object="student:x", request_id="")


class Log:
    """A database in which somebody is erased at position 7, and the writer that has just done it."""

    def __init__(self, forgetting: Forgetting, *, is_own: bool) -> None:
        self._forgetting, self._is_own = forgetting, is_own
        self._position = 0
        self.is_heard_of = asyncio.Event()

    async def erased_at(self) -> int:
        self._position, before = 7, self._position
        return before

    async def forget(self) -> None:
        if self._is_own:  # the transaction is committed; who waits for the writer's turn finds it told
            erased = Erased(at=datetime.now(UTC), position=7, before=0, rows={}, audit_line="")
            self._forgetting.forget(Erasure(tenant_id="north", student_id="anna", deed=DEED), erased)
        self.is_heard_of.set()


async def streams_that_end(*, is_own: bool) -> set[str]:
    broker = Broker(max_subscribers=2)
    streams = {student_id: broker.subscribe("north", student_id) for student_id in ("anna", "ben")}
    forgetting = Forgetting(broker)
    log: Any = Log(forgetting, is_own=is_own)
    async with following_erasures(forgetting, log, log, every=0.001):
        await log.is_heard_of.wait()
        await asyncio.sleep(0.02)
    assert forgetting.seen == 7
    return {student_id for student_id, stream in streams.items() if not stream._messages.empty()}


async def test_an_own_erasure_that_is_seen_before_it_is_told_ends_one_students_streams() -> None:
    assert await streams_that_end(is_own=True) == {"anna"}


async def test_anothers_erasure_ends_all_streams() -> None:
    assert await streams_that_end(is_own=False) == {"anna", "ben"}
