"""Where a student stands: as stored, or replayed from the log when the stored state is not the one asked
for.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from knowtrace.domain import Mastery
from knowtrace.store import Session, Snapshot, StoredEvent
from knowtrace.tracing.stored import state_of_snapshot
from knowtrace.tracing.student import StudentState
from knowtrace.tracing.threads import check_asker
from knowtrace.tracing.tracer import Tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One answer of a student, and the mastery of the skills it touched right after it."""

    event: StoredEvent
    masteries: list[Mastery]


async def replayed_state(
    session: Session,
    tracer: Tracer,
    student_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> StudentState:
    """Return the state that the answers from `start` up to, not including, `end` lead to, from nothing."""
    state = tracer.start()
    async for page in session.events.history(student_id, start=start, end=end):
        state = await tracer.threads.run(follow, tracer, state, page)
    return state


async def timeline(
    session: Session, tracer: Tracer, student_id: str, *, limit: int, skill_id: str | None = None
) -> list[Moment]:
    """Replay a student's log and return its last `limit` answers, oldest first.

    With a skill: the answers that touched it, and its mastery alone; any of the whole log may have.
    """
    state = tracer.start()
    snapshot = None
    if skill_id is None:
        snapshot = await snapshot_before(session, tracer, student_id, num_answers=limit)
    if snapshot is not None:
        state = state_of_snapshot(snapshot)
    moments: deque[Moment] = deque(maxlen=limit)
    async for page in session.events.history(student_id, after=snapshot and snapshot.place):
        state = await tracer.threads.run(_watch, tracer, state, page, moments, skill_id)
    return list(moments)


async def snapshot_before(
    session: Session, tracer: Tracer, student_id: str, *, num_answers: int
) -> Snapshot | None:
    """Return the newest snapshot that at least the last `num_answers` answers come after."""
    stored = (await session.students.load([student_id])).get(student_id)
    if stored is None:
        return None
    most = stored.num_answers - num_answers
    return await session.snapshots.newest(student_id, tracer.version, most_answers=most)


def follow(tracer: Tracer, state: StudentState, events: list[StoredEvent]) -> StudentState:
    """Return a student's state after some more answers."""
    for event in events:
        check_asker()
        state = tracer.observe(state, event.interaction)
    return state


def _watch(
    tracer: Tracer,
    state: StudentState,
    events: list[StoredEvent],
    moments: deque[Moment],
    skill_id: str | None,
) -> StudentState:
    for event in events:
        check_asker()
        state, masteries = tracer.answer(state, event.interaction)
        if skill_id is not None:
            masteries = [mastery for mastery in masteries if mastery.skill_id == skill_id]
        if masteries or skill_id is None:
            moments.append(Moment(event=event, masteries=masteries))
    return state
