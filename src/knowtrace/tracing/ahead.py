"""Before another model computes: students with long histories are replayed by it beforehand, so that the writer, which
would otherwise replay each at the next answer while all others wait, has only what is new to step through.
"""

import logging

from knowtrace.errors import ModelError
from knowtrace.store import Store
from knowtrace.tracing.following import SNAPSHOT_EVERY, Student
from knowtrace.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

LONG_HISTORY = 1_000
"""Answers from which on a student is replayed ahead: fewer hold the writer for a tenth of a second at most."""

MOST_AHEAD = 1_000
"""Students of one tenant, the longest histories first: a switch must not take for ever."""


async def replay_ahead(store: Store, tracer: Tracer, *, at_least: int = LONG_HISTORY) -> int:
    """Leave snapshots by a model of students with at least so many answers; return of how many.

    Who has been replayed by this model before is passed over. A student on whom the model fails is left to the ladder.
    """
    count = 0
    for tenant_id in await store.tenants():
        async with store.reading(tenant_id) as session:
            longest = await session.students.longest(limit=MOST_AHEAD, at_least=at_least)
        for student_id in longest:
            try:
                count += await replay_one(store, tracer, tenant_id, student_id)
            except ModelError as error:
                logger.warning(
                    "Model %s failed on a student with a long history", tracer.version, exc_info=error
                )
    return count


async def replay_one(store: Store, tracer: Tracer, tenant_id: str, student_id: str) -> bool:
    """Leave snapshots by a model of one student; return whether any were left.

    Raises:
        ModelError: the model fails on this student.
        UnavailableError: the database cannot be reached.
    """
    async with store.reading(tenant_id) as session:
        before = (await session.students.load([student_id])).get(student_id)
        if before is None or before.model_version == tracer.version:
            return False
        newest = await session.snapshots.newest(student_id, tracer.version)
        if newest is not None and before.num_answers - newest.num_answers < SNAPSHOT_EVERY:
            return False
        student = Student(student_id, tracer.start())
        await student.replay(session, tracer, tracer.threads)
    async with store.transaction() as transaction:
        session = await transaction.of(tenant_id)
        now = (await session.students.load([student_id])).get(student_id)
        # Whoever was erased stays erased, and a past that has changed leaves no snapshot of what it was.
        if now is None or now.rewritten_at != before.rewritten_at:
            return False
        await session.snapshots.save(student.snapshots)
    return True
