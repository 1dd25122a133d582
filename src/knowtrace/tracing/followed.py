"""Students as one model sees them: remembered from look to look, and known to be as they were by one glance."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from knowtrace.store import Mark, Session, Store, StoredStudent
from knowtrace.tracing.following import Student
from knowtrace.tracing.sharing import SharedStates, Stand
from knowtrace.tracing.states import follow
from knowtrace.tracing.stored import state_of_snapshot, to_state
from knowtrace.tracing.student import StudentKey, StudentState
from knowtrace.tracing.tracer import Tracer

MOST_KEPT = 10_000

NOWHERE = -1
"""The position of no answer: a student who is kept with it has been stepped through in part."""


class Look(NamedTuple):
    """A student's state after every stored answer; `as_of` is what `Session.erased_at` said before it was read."""

    state: StudentState
    as_of: int


class Followed:
    """The states of students by one model. For the model that computes what is stored, that is what is stored.

    For any other (a canary, a shadow, the model before) a student is replayed at the first look, from a snapshot if
    that model has left one, and afterwards only new answers are stepped through, unless the past has changed.

    What is stored is looked for in `shared` before it is read, and put there; what others have computed never is.
    `on_look` hears of each look at a student whether it was remembered.
    """

    def __init__(
        self,
        tracer: Tracer,
        shared: SharedStates | None = None,
        on_look: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._tracer = tracer
        self._on_look = on_look
        self._shared = shared
        self._kept: OrderedDict[StudentKey, Stand] = OrderedDict()
        self._times_forgotten = 0

    async def look(self, store: Store, tenant_id: str, student_id: str) -> Look:
        """Return where a student stands now, whichever process has stored what.

        Raises:
            UnavailableError: the database cannot be reached.
        """
        mark, as_of = await store.glance(tenant_id, lambda session: session.students.mark(student_id))
        if mark is None:
            return Look(self._tracer.start(), as_of)
        student = StudentKey(tenant_id, student_id)
        stand = self._kept.get(student)
        is_remembered = stand is not None and stand.mark == mark
        self._on_look(is_remembered)
        if stand is not None and is_remembered:
            self._kept.move_to_end(student)
            return Look(stand.state, as_of)
        if (state := await self._shared_state(student, mark)) is not None:
            return Look(state, as_of)
        async with store.reading(tenant_id) as session:
            return Look(await self.live_state(session, student_id), as_of)

    async def live_state(self, session: Session, student_id: str) -> StudentState:
        """Return a student's state after every stored answer of a snapshot."""
        times_forgotten = self._times_forgotten
        stored = (await session.students.load([student_id])).get(student_id)
        if stored is None:
            return self._tracer.start()
        if stored.model_version == self._tracer.version:
            stand = Stand(to_state(stored), stored.mark)
        else:
            stand = await self._stepped_on(session, stored, times_forgotten)
        # Who was erased while this was read is in the snapshot still, and must not be remembered from it.
        if times_forgotten == self._times_forgotten:
            student = StudentKey(session.tenant_id, student_id)
            self._keep(student, stand)
            self._offer(student, stand)
        return stand.state

    async def warm(self, session: Session, student_ids: Collection[str]) -> int:
        """Remember these students if they are stored by this model; return how many are."""
        times_forgotten = self._times_forgotten
        stored = (await session.students.load(student_ids)).values()
        mine = [student for student in stored if student.model_version == self._tracer.version]
        if times_forgotten != self._times_forgotten:
            return 0
        for student in mine:
            self._keep(
                StudentKey(session.tenant_id, student.student_id), Stand(to_state(student), student.mark)
            )
        return len(mine)

    def hear(self, students: Mapping[StudentKey, Student], version: str) -> None:
        """Remember students who were just stored; those whom another model has followed are not this one's."""
        if version != self._tracer.version:
            return
        for key, student in students.items():
            if student.state.num_answers and not student.is_unasked:
                stand = Stand(student.state, student.mark(version))
                self._keep(key, stand)
                self._offer(key, stand)

    def forget(self, student: StudentKey | None = None) -> None:
        """Read a student anew at the next look, or every one."""
        if student is None:
            self._kept.clear()
        else:
            self._kept.pop(student, None)
        self._times_forgotten += 1

    async def _shared_state(self, student: StudentKey, mark: Mark) -> StudentState | None:
        if self._shared is None or mark.model_version != self._tracer.version:
            return None
        times_forgotten = self._times_forgotten
        stand = await self._shared.find(student, mark)
        # Whatever was found: the mark that the database has just told is the proof.
        if stand is None or stand.mark != mark or stand.state.vector.size != self._tracer.start().vector.size:
            return None
        if times_forgotten == self._times_forgotten:
            self._keep(student, stand)
        return stand.state

    def _offer(self, key: StudentKey, stand: Stand) -> None:
        if self._shared is not None and stand.mark.model_version == self._tracer.version:
            self._shared.offer(key, stand)

    async def _stepped_on(self, session: Session, stored: StoredStudent, times_forgotten: int) -> Stand:
        student = StudentKey(session.tenant_id, stored.student_id)
        stand = self._kept.get(student)
        if (
            stand is None
            or stand.mark.rewritten_at != stored.rewritten_at
            or stand.mark.model_version == self._tracer.version
        ):
            stand = await self._begin(session, stored)
        state, place = stand.state, stand.place
        async for page in session.events.history(stored.student_id, after=place):
            state = await self._tracer.threads.run(follow, self._tracer, state, page)
            place = page[-1].place
            # A look that is cut off is gone on with by the next one: it does not begin anew.
            if times_forgotten == self._times_forgotten:
                unfinished = stored.mark._replace(last_position=NOWHERE)
                self._keep(student, Stand(state, unfinished, place))
        return Stand(state, stored.mark, place)

    async def _begin(self, session: Session, stored: StoredStudent) -> Stand:
        snapshot = await session.snapshots.newest(stored.student_id, self._tracer.version)
        if snapshot is None:
            return Stand(self._tracer.start(), stored.mark)
        return Stand(state_of_snapshot(snapshot), stored.mark, snapshot.place)

    def _keep(self, key: StudentKey, stand: Stand) -> None:
        self._kept[key] = stand
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
