"""A group of events made durable: the log, the states and the mastery they lead to, in one transaction."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from knowtrace.domain import Interaction, Mastery
from knowtrace.store import Session, Store, StoredEvent, StoredSkill, StoredStudent
from knowtrace.tracing.answers import Event, EventResult, Outcome, notes_on
from knowtrace.tracing.student import SkillEvidence, StudentState
from knowtrace.tracing.tracer import Tracer


@dataclass(slots=True)
class Student:
    """One student while a group is applied: where the state stands, and what has changed in it."""

    state: StudentState
    last_position: int = 0
    is_current: bool = True
    fresh: list[StoredEvent] = field(default_factory=list[StoredEvent])
    latest: dict[str, Mastery] = field(default_factory=dict[str, Mastery])
    after: dict[str, list[Mastery]] = field(default_factory=dict[str, list[Mastery]])

    def follow(self, tracer: Tracer, events: Iterable[StoredEvent]) -> None:
        """Step through events, keeping each skill's mastery as of the last answer that touched it."""
        for event in events:
            self.state, masteries = tracer.answer(self.state, event.interaction)
            self.last_position = max(self.last_position, event.position)
            self.after[event.event_id] = masteries
            self.latest.update((mastery.skill_id, mastery) for mastery in masteries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What one transaction did. `results` follow the order of the events it was given."""

    events: Sequence[Event]
    results: list[EventResult]
    num_answers: dict[str, int]
    seconds: float
    cache_hits: int
    cache_misses: int


class Committer:
    """Commits groups of events, one group at a time.

    Keeps the states of recent students in memory. They are only ever the table's: they enter after a commit,
    and all of them leave when the log's head shows that another process has written.
    """

    def __init__(self, store: Store, tracer: Tracer, *, max_cached_students: int) -> None:
        self._store = store
        self._tracer = tracer
        self._max_cached = max_cached_students
        self._cache: OrderedDict[str, tuple[StudentState, int]] = OrderedDict()
        self._head = -1

    async def commit(self, events: Sequence[Event]) -> Committed:
        """Store the events that are new and return what became of each; on any error nothing is stored."""
        started = time.perf_counter()
        now = datetime.now(UTC)
        async with self._store.writing() as session:
            head = await session.events.head()
            if head != self._head:
                self._cache.clear()
            fresh, outcomes = await _new_ones(session, events, head, now)
            await session.events.append(fresh)
            student_ids = dict.fromkeys(event.interaction.student_id for event in events)
            students, hits = await self._students(session, student_ids)
            for event in fresh:
                students[event.interaction.student_id].fresh.append(event)
            await self._apply(session, students)
            await self._save(session, students, now)
            if len(fresh) == len(events):
                results = self._results(events, outcomes, students)
            else:  # what was sent before is answered with today's mastery: the model again
                results = await asyncio.to_thread(self._results, events, outcomes, students)
        self._head = head + len(fresh)
        self._remember(students)
        return Committed(
            events=events,
            results=results,
            num_answers={student_id: student.state.num_answers for student_id, student in students.items()},
            seconds=time.perf_counter() - started,
            cache_hits=hits,
            cache_misses=len(students) - hits,
        )

    async def _students(self, session: Session, student_ids: Iterable[str]) -> tuple[dict[str, Student], int]:
        missing = [student_id for student_id in student_ids if student_id not in self._cache]
        stored = await session.students.load(missing) if missing else {}
        students: dict[str, Student] = {}
        for student_id in student_ids:
            if student_id in self._cache:
                students[student_id] = Student(*self._cache[student_id])
            elif student_id in stored:
                found = stored[student_id]
                is_current = found.model_version == self._tracer.version
                students[student_id] = Student(to_state(found), found.last_position, is_current)
            else:
                students[student_id] = Student(self._tracer.start())
        return students, len(students) - len(missing)

    async def _apply(self, session: Session, students: dict[str, Student]) -> None:
        """Bring every student to where a clean replay of the whole log would bring them."""
        in_order: list[Student] = []
        to_rebuild: dict[str, Student] = {}
        for student_id, student in students.items():
            student.fresh.sort(key=lambda event: (_time(event.interaction), event.position))
            if student.is_current and not _is_late(student):
                in_order.append(student)
            else:
                to_rebuild[student_id] = student
        # In a worker thread: a thousand steps take 0.1 s or more, and the runtime lets go of the interpreter
        # lock.
        await asyncio.to_thread(self._follow, in_order)
        if to_rebuild:
            await session.students.forget_mastery(to_rebuild)
        for student_id, student in to_rebuild.items():
            student.state, student.last_position = self._tracer.start(), 0
            async for page in session.events.history(student_id):
                await asyncio.to_thread(student.follow, self._tracer, page)
            student.after.clear()

    def _follow(self, students: Iterable[Student]) -> None:
        for student in students:
            student.follow(self._tracer, student.fresh)

    async def _save(self, session: Session, students: dict[str, Student], now: datetime) -> None:
        changed = [
            (_to_stored(student_id, student, self._tracer.version), list(student.latest.values()))
            for student_id, student in students.items()
            if student.fresh or not student.is_current
        ]
        await session.students.save([stored for stored, _ in changed])
        await session.students.save_masteries(changed, updated_at=now)

    def _results(
        self, events: Sequence[Event], outcomes: Sequence[Outcome], students: dict[str, Student]
    ) -> list[EventResult]:
        return [
            self._result(event, outcome, students[event.interaction.student_id])
            for event, outcome in zip(events, outcomes, strict=True)
        ]

    def _result(self, event: Event, outcome: Outcome, student: Student) -> EventResult:
        if outcome is Outcome.CONFLICT:
            reason = (
                f"event_id {event.event_id!r} is already stored with another body: an id names one answer "
                "for ever. Send this answer under an id of its own."
            )
            return EventResult(event_id=event.event_id, outcome=outcome, reason=reason)
        answer = event.interaction
        skill_ids = self._tracer.skills_of(answer.item_id, answer.skill_ids)
        masteries = student.after.get(event.event_id) if outcome is Outcome.ACCEPTED else None
        if masteries is None:
            known = self._tracer.vocabulary.skill_indices
            masteries = self._tracer.mastery(
                student.state, [s for s in dict.fromkeys(skill_ids) if s in known]
            )
        return EventResult(
            event_id=event.event_id,
            outcome=outcome,
            masteries=tuple(masteries),
            notes=notes_on(answer.item_id, skill_ids, self._tracer.vocabulary),
        )

    def _remember(self, students: dict[str, Student]) -> None:
        for student_id, student in students.items():
            if student.last_position:
                self._cache[student_id] = (student.state, student.last_position)
                self._cache.move_to_end(student_id)
        while len(self._cache) > self._max_cached:
            self._cache.popitem(last=False)


async def _new_ones(
    session: Session, events: Sequence[Event], head: int, now: datetime
) -> tuple[list[StoredEvent], list[Outcome]]:
    """Tell new events from repeated and contradicting ones, and give the new ones their place in the log."""
    known = await session.events.fingerprints([event.event_id for event in events])
    fresh: list[StoredEvent] = []
    outcomes: list[Outcome] = []
    for event in events:
        if event.event_id in known:
            is_same = known[event.event_id] == event.fingerprint
            outcomes.append(Outcome.DUPLICATE if is_same else Outcome.CONFLICT)
        else:
            outcomes.append(Outcome.ACCEPTED)
            known[event.event_id] = event.fingerprint
            head += 1
            fresh.append(
                StoredEvent(
                    position=head,
                    event_id=event.event_id,
                    interaction=event.interaction,
                    received_at=now,
                    fingerprint=event.fingerprint,
                )
            )
    return fresh, outcomes


def to_state(stored: StoredStudent) -> StudentState:
    return StudentState(
        vector=stored.vector,
        num_answers=stored.num_answers,
        last_answered_at=stored.last_answered_at,
        skills={
            skill_id: SkillEvidence(skill.num_answers, skill.last_answered_at, skill.was_mastered)
            for skill_id, skill in stored.skills.items()
        },
    )


def _to_stored(student_id: str, student: Student, version: str) -> StoredStudent:
    return StoredStudent(
        student_id=student_id,
        model_version=version,
        vector=student.state.vector,
        num_answers=student.state.num_answers,
        last_answered_at=student.state.last_answered_at,
        last_position=student.last_position,
        skills={
            skill_id: StoredSkill(
                num_answers=skill.num_answers,
                last_answered_at=skill.last_answered_at,
                was_mastered=skill.was_mastered,
            )
            for skill_id, skill in student.state.skills.items()
        },
    )


def _is_late(student: Student) -> bool:
    """Whether the first of the new events belongs before one that the state has already seen."""
    last = student.state.last_answered_at
    return bool(student.fresh) and last is not None and _time(student.fresh[0].interaction) < last


def _time(interaction: Interaction) -> datetime:
    assert interaction.answered_at is not None, "every event of the log has a time"
    return interaction.answered_at
