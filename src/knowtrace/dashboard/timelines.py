"""The students whose pages are open, kept so that a new answer costs one step and not a replay."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from knowtrace.store import Place, Session, StoredEvent, StoredStudent
from knowtrace.tracing import StudentKey, StudentState, Tracer
from knowtrace.tracing.states import Moment
from knowtrace.tracing.stored import state_of_snapshot
from knowtrace.tracing.threads import check_asker

MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class Traced:
    """A student after the answer at `last`: the state, and what the last answers did to it, oldest first.

    `rewritten_at` is where the log stood when the student's past last changed.
    """

    state: StudentState
    last: Place | None
    moments: tuple[Moment, ...]
    rewritten_at: int = 0


class Timelines:
    """Recently viewed students, each equal to a replay of the whole log.

    A student viewed for the first time is replayed, from a snapshot that lies before all that is shown. Afterwards
    only new answers are stepped through, unless the past has changed: then the log is replayed again. `on_look` hears
    of each view whether the student was kept.
    """

    def __init__(self, tracer: Tracer, *, most_moments: int, on_look: Callable[[bool], None]) -> None:
        self.tracer = tracer
        self._on_look = on_look
        self._most_moments = most_moments
        self._kept: OrderedDict[StudentKey, Traced] = OrderedDict()

    async def follow(self, session: Session, stored: StoredStudent) -> Traced:
        """Return a student after all the answers that the session's snapshot of the database holds."""
        key = StudentKey(session.tenant_id, stored.student_id)
        traced = self._kept.get(key)
        is_kept = traced is not None and traced.rewritten_at == stored.rewritten_at
        self._on_look(is_kept)
        if traced is None or not is_kept:
            traced = await self._begin(session, stored)
        async for page in session.events.history(stored.student_id, after=traced.last):
            # In a worker thread: a page of answers takes up to a second.
            traced = await self.tracer.threads.run(self._step, traced, page)
        self._kept[key] = traced
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return traced

    async def _begin(self, session: Session, stored: StoredStudent) -> Traced:
        snapshot = await session.snapshots.newest(
            stored.student_id, self.tracer.version, most_answers=stored.num_answers - self._most_moments
        )
        if snapshot is None:
            return Traced(self.tracer.start(), None, (), stored.rewritten_at)
        return Traced(state_of_snapshot(snapshot), snapshot.place, (), stored.rewritten_at)

    def _step(self, traced: Traced, events: Iterable[StoredEvent]) -> Traced:
        state, last, moments = traced.state, traced.last, list(traced.moments)
        for event in events:
            check_asker()
            state, masteries = self.tracer.answer(state, event.interaction)
            last = event.place
            moments.append(Moment(event=event, masteries=masteries))
        return replace(traced, state=state, last=last, moments=tuple(moments[-self._most_moments :]))
