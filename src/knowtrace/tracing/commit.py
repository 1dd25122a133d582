"""Changes of the log made durable: the log, the states and the mastery they lead to, in one transaction."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from knowtrace.errors import NotFoundError
from knowtrace.spans import span
from knowtrace.store import Place, Session, Store, StoredEvent, Transaction
from knowtrace.tracing.answers import Event, EventResult, Revision, RevisionResult
from knowtrace.tracing.changes import is_long, new_ones, recount, revised, set_aside, unasked
from knowtrace.tracing.choices import Choice, keep_choices
from knowtrace.tracing.committed import NO_MODEL, Committed
from knowtrace.tracing.erasing import Erased, Erasure, erase
from knowtrace.tracing.following import Student
from knowtrace.tracing.outgoing import Outgoing, StudentChange
from knowtrace.tracing.quality import LiveQuality
from knowtrace.tracing.results import results_of, unasked_result
from knowtrace.tracing.stored import to_state, to_stored
from knowtrace.tracing.student import StudentKey, StudentState
from knowtrace.tracing.threads import Threads
from knowtrace.tracing.tracer import Tracer


@dataclass(frozen=True, slots=True)
class Remembered:
    """A student as the table has it."""

    state: StudentState
    last_position: int
    rewritten_at: int


class Committer:
    """Commits groups of events and single revisions, one transaction at a time.

    The model's steps run in threads of its own: readers' replays, a pool's worth of them, must not stand before them.

    Keeps the states of recent students in memory. They are only ever the table's: they enter after a commit,
    and all of them leave when the log's head shows that another process has written.
    """

    def __init__(
        self,
        store: Store,
        tracer: Tracer,
        *,
        max_cached_students: int,
        quality: LiveQuality | None = None,
        outgoing: Outgoing | None = None,
    ) -> None:
        self._quality = quality
        self._store = store
        self._outgoing = outgoing
        self._tracer = tracer
        self._max_cached = max_cached_students
        self._cache: OrderedDict[StudentKey, Remembered] = OrderedDict()
        self._head = -1
        self._threads = Threads("writer")

    def close(self) -> None:
        """Let the model's thread end; to be called after the last commit."""
        self._threads.close()

    @property
    def tracer(self) -> Tracer:
        return self._tracer

    def switch(self, tracer: Tracer) -> None:
        """Let another model compute from the next commit on; states are rebuilt as their students answer."""
        self._tracer = tracer
        self._cache.clear()

    def forget(self, student: StudentKey | None = None) -> None:
        """Read a student anew, or every one; to be called between commits."""
        if student is None:
            self._cache.clear()
        else:
            self._cache.pop(student, None)

    async def erase(self, erasure: Erasure) -> Erased:
        """Delete a student; whatever is sent of the same id afterwards begins anew."""
        async with self._store.transaction(erasure.tenant_id) as transaction:
            erased = await erase(transaction, erasure)
        self.forget(StudentKey(erasure.tenant_id, erasure.student_id))
        return erased

    async def commit(
        self, events: Sequence[Event], choices: Sequence[Choice] = (), *, asks_model: bool = True
    ) -> Committed:
        """Store the events that are new, and decisions, and return what became of each; on any error nothing is stored.

        With `asks_model` false the answers are stored and nothing else: the way out when the model fails, for what was
        sent must not be lost with it.
        """
        started = time.perf_counter()
        now = datetime.now(UTC)
        by_tenant: dict[str, list[int]] = {}
        for number, event in enumerate(events):
            by_tenant.setdefault(event.tenant_id, []).append(number)
        results: dict[int, EventResult] = {}
        students: dict[StudentKey, Student] = {}
        hits = 0
        first = next((one.tenant_id for one in (*events, *choices)), "")
        async with self._store.transaction(first) as transaction:
            head = before = self._head_of_log(transaction) if events else self._head
            for tenant_id, numbers in by_tenant.items():
                session = await transaction.of(tenant_id)
                mine = [events[number] for number in numbers]
                fresh, outcomes, withdrawn = await new_ones(session, mine, head, now)
                head += len(fresh)
                await session.events.append(fresh)
                student_ids = dict.fromkeys(event.interaction.student_id for event in mine)
                touched, found = await self._students(session, student_ids, head)
                for event in fresh:
                    touched[event.interaction.student_id].fresh.append(event)
                if asks_model:
                    await self._apply(session, touched.values(), head)
                else:
                    await set_aside(session, touched.values(), head)
                await self._save(session, touched.values(), now)
                await self._tell(session, [s for s in touched.values() if s.fresh], now)
                if not asks_model:
                    answered = [
                        unasked_result(event, outcome) for event, outcome in zip(mine, outcomes, strict=True)
                    ]
                elif len(fresh) == len(mine):
                    answered = results_of(self._tracer, mine, outcomes, touched, withdrawn)
                else:  # what was sent before is answered with today's mastery: the model again
                    answered = await self._threads.run(
                        results_of, self._tracer, mine, outcomes, touched, withdrawn
                    )
                results.update(zip(numbers, answered, strict=True))
                students.update((StudentKey(tenant_id, name), student) for name, student in touched.items())
                hits += found
            kept = await keep_choices(transaction, choices, self._outgoing, at=now)
            if head != before:
                await transaction.move_head(head)
        self._head = head
        self._remember(students if asks_model else {})
        if not asks_model:
            self._cache.clear()
        return Committed(
            events=events,
            results=[results[number] for number in range(len(events))],
            kept_decisions=kept,
            students=students,
            model_version=self._tracer.version if asks_model else NO_MODEL,
            seconds=time.perf_counter() - started,
            cache_hits=hits,
            cache_misses=len(students) - hits,
        )

    async def refresh(self, key: StudentKey) -> None:
        """Bring a student who was set aside up to date, if snapshots have been left that make it short.

        Raises:
            ModelError: the model fails on this student.
        """
        async with self._store.transaction(key.tenant_id) as transaction:
            head = self._head_of_log(transaction)
            session = await transaction.of(key.tenant_id)
            found, _ = await self._students(session, [key.student_id], head)
            student = found[key.student_id]
            if student.is_current or await self._is_set_aside(session, student):
                return
            await student.rebuild(session, self._tracer, self._threads)
            await self._save(session, [student], datetime.now(UTC))
        self._head = head
        self._remember({key: student})

    async def revise(self, revision: Revision, *, asks_model: bool = True) -> RevisionResult:
        """Correct or withdraw one stored answer, and rebuild the students it touches.

        With `asks_model` false the log is changed and the states are left to be rebuilt.

        Raises:
            NotFoundError: no such answer is stored.
            ConflictError: it is to be corrected, and has been withdrawn.
            ModelError: the model fails on what is left of a student's answers.
        """
        now = datetime.now(UTC)
        async with self._store.transaction(revision.tenant_id) as transaction:
            head = self._head_of_log(transaction)
            session = await transaction.of(revision.tenant_id)
            older = await session.events.find(revision.event_id)
            if older is None:
                raise NotFoundError(
                    f"No answer is stored under event_id {revision.event_id!r}. POST /api/v1/events stores one."
                )
            newer = revised(revision, older, now)
            if newer is None:
                found, _ = await self._students(session, [older.interaction.student_id], head)
                student = found[older.interaction.student_id]
                if not asks_model or await self._is_set_aside(session, student):
                    return unasked(older, (), is_new=False)
                if not student.is_current:
                    await student.replay(session, self._tracer, self._threads)
                return replace(await self._threads.run(self._after, older, student.state), is_new=False)
            head += 1
            await session.events.replace(older, newer, at=now)
            if revision.deed is not None:
                await session.audit.append(revision.deed, at=now)
            since = min(older.place, newer.place)
            students = {
                student_id: Student(student_id, self._tracer.start(), rewritten_at=head)
                for student_id in (older.interaction.student_id, newer.interaction.student_id)
            }
            for student in students.values():
                if asks_model and not await self._is_long_since(session, student, since):
                    await student.rebuild(session, self._tracer, self._threads)
                else:
                    await recount(session, student, since=since)
            await self._save(session, students.values(), now, is_rewritten=True)
            await self._tell(session, list(students.values()), now, revised=revision.event_id)
            # Before the commit: a model that fails here must not leave a revision that its sender hears nothing of.
            student = students[newer.interaction.student_id]
            if student.is_unasked:
                result = unasked(newer, tuple(students))
            else:
                result = await self._threads.run(self._after, newer, student.state)
            waiting = tuple(name for name, one in students.items() if one.is_unasked and asks_model)
            result = replace(result, student_ids=tuple(students), set_aside=waiting)
            await transaction.move_head(head)
        self._head = head
        if asks_model:
            self._remember({StudentKey(revision.tenant_id, name): s for name, s in students.items()})
        else:
            self._cache.clear()
        return result

    def _after(self, event: StoredEvent, state: StudentState) -> RevisionResult:
        """Say how an answer stands, with today's mastery of the skills it touches."""
        answer = event.interaction
        touched = self._tracer.skills_of(answer.item_id, answer.skill_ids)
        known = [skill_id for skill_id in touched if skill_id in self._tracer.vocabulary.skill_indices]
        return RevisionResult(
            event_id=event.event_id,
            student_id=answer.student_id,
            revision=event.revision,
            is_withdrawn=event.withdrawn_at is not None,
            is_new=True,
            masteries=tuple(self._tracer.mastery(state, known)),
            model_version=self._tracer.version,
        )

    def _head_of_log(self, transaction: Transaction) -> int:
        """Return where the log stands, and forget what was remembered of it when it stood elsewhere."""
        if transaction.head != self._head:
            self._cache.clear()
        return transaction.head

    async def _students(
        self, session: Session, student_ids: Iterable[str], head: int
    ) -> tuple[dict[str, Student], int]:
        tenant_id = session.tenant_id
        missing = [
            student_id for student_id in student_ids if StudentKey(tenant_id, student_id) not in self._cache
        ]
        stored = await session.students.load(missing) if missing else {}
        students: dict[str, Student] = {}
        for student_id in student_ids:
            kept = self._cache.get(StudentKey(tenant_id, student_id))
            found = stored.get(student_id)
            if kept is not None:
                student = Student(student_id, kept.state, kept.last_position, kept.rewritten_at)
            elif found is not None:
                student = Student(student_id, to_state(found), found.last_position, found.rewritten_at)
                student.is_current = found.model_version == self._tracer.version
            else:
                # Who follows an erased student of the same id must not take this one for that.
                student = Student(student_id, self._tracer.start(), rewritten_at=head)
            students[student_id] = student
        return students, len(students) - len(missing)

    async def _apply(self, session: Session, students: Iterable[Student], head: int) -> None:
        """Bring every student to where a clean replay of the whole log would bring them."""
        in_order: list[Student] = []
        for student in students:
            student.fresh.sort(key=lambda event: event.place)
            if student.is_current and not student.is_late:
                await student.step_on(session)
                in_order.append(student)
                continue
            if student.is_late:
                student.rewritten_at = head
                await session.snapshots.forget(student.student_id, since=student.fresh[0].place)
            num_answers = student.state.num_answers + len(student.fresh)
            if await is_long(session, student.student_id, num_answers, self._tracer.version):
                await set_aside(session, [student], head)
            else:
                await student.rebuild(session, self._tracer, self._threads)
        # In a thread: a thousand steps take 0.1 s or more, and the runtime lets go of the interpreter lock.
        await self._threads.run(self._follow, in_order)

    async def _is_set_aside(self, session: Session, student: Student) -> bool:
        if student.is_current:
            return False
        return await is_long(session, student.student_id, student.state.num_answers, self._tracer.version)

    async def _is_long_since(self, session: Session, student: Student, since: Place) -> bool:
        await session.snapshots.forget(student.student_id, since=since)
        num_answers, _, _ = await session.events.extent(student.student_id)
        return await is_long(session, student.student_id, num_answers, self._tracer.version)

    def _follow(self, students: Iterable[Student]) -> None:
        with span("model.follow"):
            for student in students:
                student.follow(self._tracer, student.fresh, quality=self._quality)

    async def _tell(
        self, session: Session, students: Sequence[Student], now: datetime, *, revised: str | None = None
    ) -> None:
        """Let others hear of these students when, and only if, this transaction is committed."""
        if self._outgoing is None or not students or not self._outgoing.wants(session.tenant_id):
            return
        await self._outgoing.tell(
            session,
            [
                StudentChange(
                    student_id=student.student_id,
                    event_ids=(revised,) if revised else tuple(event.event_id for event in student.fresh),
                    is_revision=revised is not None,
                    num_answers=student.state.num_answers,
                    masteries=() if student.is_unasked else tuple(student.latest.values()),
                    model_version=NO_MODEL if student.is_unasked else self._tracer.version,
                )
                for student in students
            ],
            at=now,
        )

    async def _save(
        self, session: Session, students: Iterable[Student], now: datetime, *, is_rewritten: bool = False
    ) -> None:
        changed = [s for s in students if s.fresh or not s.is_current or is_rewritten]
        if gone := [student.student_id for student in changed if not student.state.num_answers]:
            await session.students.forget(gone)
        stored = [
            (
                to_stored(
                    student.student_id,
                    student.state,
                    NO_MODEL if student.is_unasked else self._tracer.version,
                    last_position=student.last_position,
                    rewritten_at=student.rewritten_at,
                ),
                list(student.latest.values()),
            )
            for student in changed
            if student.state.num_answers
        ]
        await session.students.save([student for student, _ in stored])
        await session.students.save_masteries(stored, updated_at=now)
        await session.snapshots.save([snapshot for student in changed for snapshot in student.snapshots])

    def _remember(self, students: dict[StudentKey, Student]) -> None:
        for key, student in students.items():
            if student.state.num_answers and not student.is_unasked:
                self._cache[key] = Remembered(student.state, student.last_position, student.rewritten_at)
                self._cache.move_to_end(key)
            else:
                self._cache.pop(key, None)
        while len(self._cache) > self._max_cached:
            self._cache.popitem(last=False)
