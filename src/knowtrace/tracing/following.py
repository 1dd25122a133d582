"""One student while the log is applied: stepped on by new answers, or rebuilt where the past has changed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from knowtrace.domain import Mastery
from knowtrace.store import Mark, Session, Snapshot, StoredEvent
from knowtrace.tracing.quality import LiveQuality
from knowtrace.tracing.stored import state_of_snapshot, to_snapshot
from knowtrace.tracing.student import StudentState
from knowtrace.tracing.threads import Threads
from knowtrace.tracing.tracer import Tracer

SNAPSHOT_EVERY = 256
"""Answers from one snapshot to the next. A late answer costs the steps from the last snapshot before its place on;
where those are many, they are made beside the writer (`catching_up.py`)."""


@dataclass(slots=True)
class Student:
    """Where one student stands, and what has changed.

    `latest` has the mastery of the skills that were touched, as of the last answer that did so; `standing` that of
    every practised skill, known only where a snapshot may be taken.
    """

    student_id: str
    state: StudentState
    last_position: int = 0
    rewritten_at: int = 0
    is_current: bool = True
    is_unasked: bool = False
    fresh: list[StoredEvent] = field(default_factory=list[StoredEvent])
    latest: dict[str, Mastery] = field(default_factory=dict[str, Mastery])
    after: dict[str, list[Mastery]] = field(default_factory=dict[str, list[Mastery]])
    standing: dict[str, Mastery] | None = None
    snapshots: list[Snapshot] = field(default_factory=list[Snapshot])

    def mark(self, version: str) -> Mark:
        """Return where the stored state stands once this one is stored, computed by `version`."""
        return Mark(version, self.last_position, self.rewritten_at)

    @property
    def is_late(self) -> bool:
        """Whether the first of the new answers belongs before one that the state has already seen."""
        last = self.state.last_answered_at
        return bool(self.fresh) and last is not None and self.fresh[0].place[0] < last

    async def step_on(self, session: Session) -> None:
        """Make ready for `follow(fresh)`: what a snapshot must hold is read where one will be due."""
        before = self.state.num_answers
        if before // SNAPSHOT_EVERY != (before + len(self.fresh)) // SNAPSHOT_EVERY:
            masteries = await session.students.masteries(self.student_id)
            self.standing = {mastery.skill_id: mastery for mastery in masteries}

    def follow(
        self, tracer: Tracer, events: Iterable[StoredEvent], *, quality: LiveQuality | None = None
    ) -> None:
        """Step through answers in their order; with `quality`, some are predicted first."""
        for event in events:
            if quality is not None:
                quality.foresee(tracer, self.state, event.interaction)
            self.state, masteries = tracer.answer(self.state, event.interaction)
            self.last_position = max(self.last_position, event.position)
            self.after[event.event_id] = masteries
            touched = {mastery.skill_id: mastery for mastery in masteries}
            self.latest.update(touched)
            if self.standing is None:
                continue
            self.standing.update(touched)
            if self.state.num_answers % SNAPSHOT_EVERY == 0:
                self.snapshots.append(
                    to_snapshot(
                        self.student_id,
                        self.state,
                        tracer.version,
                        place=event.place,
                        masteries=self.standing.values(),
                    )
                )

    async def rebuild(self, session: Session, tracer: Tracer, threads: Threads) -> None:
        """Bring the student to where a clean replay of the whole log would; no snapshot of another past is left."""
        await self.replay(session, tracer, threads)
        self.latest = self.standing or {}
        self.after.clear()
        await session.students.forget_mastery([self.student_id])

    async def replay(self, session: Session, tracer: Tracer, threads: Threads) -> None:
        """Follow the whole log, from the newest snapshot by this model on; nothing is written."""
        snapshot = await session.snapshots.newest(self.student_id, tracer.version)
        self.state = tracer.start() if snapshot is None else state_of_snapshot(snapshot)
        _, _, self.last_position = await session.events.extent(self.student_id)
        self.standing = {mastery.skill_id: mastery for mastery in snapshot.masteries} if snapshot else {}
        place = None if snapshot is None else snapshot.place
        async for page in session.events.history(self.student_id, after=place):
            await threads.run(self.follow, tracer, page)
