"""Which erasures a process has heard of: its own end one student's streams, another's all of them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from knowtrace.service.broker import Broker
from knowtrace.service.forgetting import Forgetting, following_erasures
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.store import Deed
from knowtrace.tracing.erasing import Erased, Erasure

TEACHER = Caller("north", "key:1", Role.EDUCATOR)
DEED = Deed(subject="x", role="admin", action="students.erase", object="student:x", request_id="")


class Log:
    """A database in which somebody is erased at position 7, and the writer that has just done it.

    An own erasure is told to `forgetting` during the first look or after it, an erasure of another process never.
    """

    def __init__(self, forgetting: Forgetting, told: str) -> None:
        self._forgetting, self._told = forgetting, told
        self._num_looks = 0
        self.is_heard_of = asyncio.Event()

    async def erased_at(self) -> int:
        self._num_looks += 1
        if self._num_looks == 2 and self._told == "during the look":
            self._tell()
        if self._num_looks == 5:
            self.is_heard_of.set()
        return 0 if self._num_looks <= 2 else 7

    async def forget(self) -> None:
        # The transaction is committed: who waits for the writer's turn finds it told.
        if self._told == "after the look" and not self.is_heard_of.is_set():
            self._tell()

    def _tell(self) -> None:
        erased = Erased(at=datetime.now(UTC), position=7, before=0, rows={}, audit_line="")
        self._forgetting.forget(Erasure(tenant_id="north", student_id="anna", deed=DEED), erased)


async def streams_that_end(told: str) -> set[str]:
    broker = Broker(max_subscribers=4, max_of_student=1)
    streams = {student_id: broker.subscribe(TEACHER, student_id) for student_id in ("anna", "ben")}
    forgetting = Forgetting(broker)
    log: Any = Log(forgetting, told)
    async with following_erasures(forgetting, log, log, every=0.001):
        await log.is_heard_of.wait()
        await asyncio.sleep(0.02)
    assert forgetting.seen == 7
    return {student_id for student_id, stream in streams.items() if not stream._messages.empty()}


@pytest.mark.parametrize("told", ["during the look", "after the look"])
async def test_an_own_erasure_that_is_seen_before_it_is_told_ends_one_students_streams(told: str) -> None:
    assert await streams_that_end(told) == {"anna"}


async def test_anothers_erasure_ends_all_streams() -> None:
    assert await streams_that_end("never") == {"anna", "ben"}
