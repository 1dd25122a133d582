"""The students whose pages are open, kept so that a new answer costs one step and not a replay."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from knowtrace.store import Session, StoredEvent
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.states import Moment

MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Traced:
    """A student after the answer at `last`: the state, and what the last answers did to it, oldest first."""

    state: StudentState
    last: tuple[datetime, int] | None
    moments: tuple[Moment, ...]


class Timelines:
    """Recently viewed students, each equal to a replay of the whole log.

    A student viewed for the first time is replayed once. Afterwards only new answers are stepped through,
    unless one of them belongs before an older one: then the whole log is replayed again.
    """

    def __init__(self, tracer: Tracer, *, most_moments: int) -> None:
        self.tracer = tracer
        self._most_moments = most_moments
        self._kept: OrderedDict[str, Traced] = OrderedDict()

    async def follow(self, session: Session, student_id: str, *, num_answers: int) -> Traced:
        """Return a student after all of the `num_answers` that the session's snapshot holds."""
        nothing = Traced(self.tracer.start(), None, ())
        traced = await self._step_on(session, student_id, self._kept.get(student_id, nothing))
        if traced.state.num_answers != num_answers:
            traced = await self._step_on(session, student_id, nothing)
        self._kept[student_id] = traced
        self._kept.move_to_end(student_id)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return traced

    async def _step_on(self, session: Session, student_id: str, traced: Traced) -> Traced:
        start = traced.last[0] if traced.last else None
        async for page in session.events.history(student_id, start=start):
            fresh = [event for event in page if traced.last is None or _place(event) > traced.last]
            # In a worker thread: a page of answers takes up to a second.
            traced = await asyncio.to_thread(self._step, traced, fresh)
        return traced

    def _step(self, traced: Traced, events: Iterable[StoredEvent]) -> Traced:
        state, last, moments = traced.state, traced.last, list(traced.moments)
        for event in events:
            state, masteries = self.tracer.answer(state, event.interaction)
            last = _place(event)
            moments.append(Moment(event=event, masteries=masteries))
        return Traced(state, last, tuple(moments[-self._most_moments :]))


def _place(event: StoredEvent) -> tuple[datetime, int]:
    assert event.interaction.answered_at is not None, "every event of the log has a time"
    return event.interaction.answered_at, event.position
