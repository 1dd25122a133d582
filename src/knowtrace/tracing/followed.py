"""Students as a model sees them that did not compute their stored states: replayed once, then followed."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from knowtrace.store import Place, Session
from knowtrace.tracing.states import follow
from knowtrace.tracing.stored import state_of_snapshot, to_state
from knowtrace.tracing.student import StudentState
from knowtrace.tracing.tracer import Tracer

MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Stand:
    """A student after the answer at `place`; `rewritten_at` is where the log stood when the past last changed."""

    state: StudentState
    place: Place | None
    rewritten_at: int


class Followed:
    """The states of students by one model. For the model that computes what is stored, that is what is stored.

    For any other (a canary, a shadow, the model before) a student is replayed at the first look, from a snapshot if
    that model has left one, and afterwards only new answers are stepped through, unless the past has changed.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._kept: OrderedDict[tuple[str, str], Stand] = OrderedDict()

    async def live_state(self, session: Session, student_id: str) -> StudentState:
        """Return a student's state after every stored answer."""
        stored = (await session.students.load([student_id])).get(student_id)
        if stored is None:
            return self._tracer.start()
        if stored.model_version == self._tracer.version:
            return to_state(stored)
        key = session.tenant_id, student_id
        stand = self._kept.get(key)
        if stand is None or stand.rewritten_at != stored.rewritten_at:
            stand = await self._begin(session, student_id, stored.rewritten_at)
        async for page in session.events.history(student_id, after=stand.place):
            state = await asyncio.to_thread(follow, self._tracer, stand.state, page)
            stand = Stand(state, page[-1].place, stand.rewritten_at)
        self._kept[key] = stand
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return stand.state

    def forget(self) -> None:
        """Replay every student anew at the next look."""
        self._kept.clear()

    async def _begin(self, session: Session, student_id: str, rewritten_at: int) -> Stand:
        snapshot = await session.snapshots.newest(student_id, self._tracer.version)
        if snapshot is None:
            return Stand(self._tracer.start(), None, rewritten_at)
        return Stand(state_of_snapshot(snapshot), snapshot.place, rewritten_at)
