"""The write path: answers wait in a bounded queue, one writer commits them in groups, then their senders hear of it.

An answer is acknowledged after its transaction is on disk, never before. Senders that wait at the same time
share one transaction, and so one flush to disk: that is what makes durability cheap.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from knowtrace.errors import ConflictError, KnowTraceError, ModelError, UnavailableError
from knowtrace.spans import here, span
from knowtrace.store import Deed, Store
from knowtrace.tracing.ahead import replay_ahead
from knowtrace.tracing.answers import (
    Answer,
    Event,
    EventResult,
    Outcome,
    RejectedError,
    Revision,
    RevisionResult,
    to_event,
)
from knowtrace.tracing.catching_up import CatchingUp
from knowtrace.tracing.choices import ERASED, Choice
from knowtrace.tracing.commit import Committer
from knowtrace.tracing.committed import Committed
from knowtrace.tracing.erasing import Erased, Erasure
from knowtrace.tracing.outgoing import Outgoing
from knowtrace.tracing.quality import LiveQuality
from knowtrace.tracing.requests import (
    AnyRequest,
    ErasureRequest,
    ForgetRequest,
    KeepRequest,
    RefreshRequest,
    Request,
    RevisionRequest,
    Shared,
    SwitchRequest,
    fail,
    succeed,
)
from knowtrace.tracing.student import StudentKey
from knowtrace.tracing.tracer import Tracer

logger = logging.getLogger(__name__)

LARGEST_GROUP = 1_000
"""Events in one transaction, unless one request alone brings more: bounds how long a sender waits for others."""

TOO_LATE = "This has waited {:g} s for its turn to be stored and is not: send it again in a moment."


class Intake:
    """Accepts answers; `async with` starts the writer and, at the end, lets it finish what is waiting."""

    def __init__(
        self,
        store: Store,
        tracer: Tracer,
        *,
        max_waiting_events: int = 20_000,
        write_within_seconds: float = 10.0,
        max_cached_students: int = 10_000,
        quality: LiveQuality | None = None,
        outgoing: Outgoing | None = None,
        on_commit: Callable[[Committed], None] = lambda _: None,
        on_revision: Callable[[str, RevisionResult], None] = lambda *_: None,
        on_erasure: Callable[[Erasure, Erased], None] = lambda *_: None,
    ) -> None:
        self._committer = Committer(
            store, tracer, max_cached_students=max_cached_students, quality=quality, outgoing=outgoing
        )
        self._store = store
        self._catching_up = CatchingUp(store, self._refresh)
        self._num_categories = tracer.vocabulary.num_categories
        self._max_waiting = max_waiting_events
        self._write_within = write_within_seconds
        self._on_commit = on_commit
        self._on_revision = on_revision
        self._on_erasure = on_erasure
        self._queue: deque[AnyRequest] = deque()
        self._num_waiting = 0
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write(), name="intake writer")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._is_closing = True
        await self._catching_up.close()
        self._arrived.set()
        if self._writer is not None:
            await self._writer
        self._committer.close()

    @property
    def num_waiting(self) -> int:
        """Events and decisions that are queued or being committed."""
        return self._num_waiting

    @property
    def is_open(self) -> bool:
        return self._writer is not None and not self._writer.done() and not self._is_closing

    async def submit(self, tenant_id: str, answers: Sequence[Answer]) -> list[EventResult]:
        """Make a tenant's answers durable and return what became of each, in their order.

        Raises:
            UnavailableError: too many events are waiting, these have waited too long, the service is stopping, or
            the database cannot write.
        """
        now = datetime.now(UTC)
        results: list[EventResult | None] = []
        events: list[Event] = []
        for answer in answers:
            try:
                events.append(
                    to_event(answer, tenant_id=tenant_id, num_categories=self._num_categories, now=now)
                )
                results.append(None)
            except RejectedError as error:
                results.append(
                    EventResult(event_id=answer.event_id, outcome=Outcome.REJECTED, reason=str(error))
                )
        stored = iter(await self._enqueue(events) if events else [])
        return [result or next(stored) for result in results]

    async def keep(self, choice: Choice) -> None:
        """Make a decision durable before anybody hears of it.

        Raises:
            UnavailableError: as for `submit`; or the student was erased since, and must not be brought back by it.
        """
        loop = asyncio.get_running_loop()
        request = KeepRequest(choice, loop.create_future(), loop.time() + self._write_within, here())
        self._put(request, size=1)
        await request.done

    async def correct(self, tenant_id: str, answer: Answer, *, deed: Deed | None = None) -> RevisionResult:
        """Put a stored answer right: its student is then as if it had been sent so at once.

        `deed` is written into the audit log with it.

        Raises:
            RejectedError: it breaks a rule.
            NotFoundError: no answer is stored under its id.
            ConflictError: that answer was withdrawn.
            UnavailableError: as for `submit`.
        """
        now = datetime.now(UTC)
        event = to_event(answer, tenant_id=tenant_id, num_categories=self._num_categories, now=now)
        return await self._revise(
            Revision(tenant_id=tenant_id, event_id=answer.event_id, interaction=event.interaction, deed=deed)
        )

    async def withdraw(self, tenant_id: str, event_id: str, *, deed: Deed | None = None) -> RevisionResult:
        """Take a stored answer out of its student's history; doing so again changes nothing.

        Raises:
            NotFoundError: no answer is stored under this id.
            UnavailableError: as for `submit`.
        """
        return await self._revise(
            Revision(tenant_id=tenant_id, event_id=event_id, interaction=None, deed=deed)
        )

    async def switch(self, tracer: Tracer) -> None:
        """Let another model compute; what was sent before is answered by the one before.

        Long histories are replayed first, while answers go on being stored.

        Raises:
            ConflictError: it has other response categories than the answers that are stored.
            UnavailableError: the service is stopping.
        """
        if tracer.vocabulary.num_categories != self._num_categories:
            raise ConflictError(
                f"Model {tracer.version} has {tracer.vocabulary.num_categories} response categories, the stored "
                f"answers have {self._num_categories}: serve it on a database of its own."
            )
        self._check_room(0)
        await replay_ahead(self._store, tracer)
        request = SwitchRequest(tracer, asyncio.get_running_loop().create_future())
        self._put(request)
        await request.done

    async def erase(self, erasure: Erasure) -> Erased:
        """Delete a student behind all that was sent before; what is sent afterwards begins anew.

        Raises:
            UnavailableError: as for `submit`.
        """
        request = ErasureRequest(erasure, asyncio.get_running_loop().create_future())
        self._put(request, size=1)
        return await request.done

    async def forget(self, student: StudentKey | None = None) -> None:
        """Read a student anew, or every one, from the next commit on.

        Raises:
            UnavailableError: the service is stopping.
        """
        request = ForgetRequest(student, asyncio.get_running_loop().create_future())
        self._put(request)
        await request.done

    async def _refresh(self, student: StudentKey) -> None:
        self._put(request := RefreshRequest(student, asyncio.get_running_loop().create_future()))
        await request.done

    async def _revise(self, revision: Revision) -> RevisionResult:
        request = RevisionRequest(revision, asyncio.get_running_loop().create_future())
        self._put(request, size=1)
        return await request.done

    async def _enqueue(self, events: list[Event]) -> list[EventResult]:
        loop = asyncio.get_running_loop()
        request = Request(events, loop.create_future(), loop.time() + self._write_within, here())
        self._put(request, size=len(events))
        return await request.done

    def _put(self, request: AnyRequest, *, size: int = 0) -> None:
        self._check_room(size)
        self._queue.append(request)
        self._num_waiting += size
        self._arrived.set()

    def _check_room(self, count: int) -> None:
        if not self.is_open:
            raise UnavailableError(
                "The service is stopping and takes no more answers; send them again in a moment."
            )
        if self._num_waiting + count > self._max_waiting:
            raise UnavailableError(
                f"{self._num_waiting} answers are waiting to be stored, at most {self._max_waiting} may: "
                "send these again in a moment."
            )

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            match self._queue[0] if self._queue else None:
                case None if self._is_closing:
                    return
                case None:
                    self._arrived.clear()
                case Request() | KeepRequest():
                    group = self._next_group()
                    if group:
                        await self._settle(group)
                        self._num_waiting -= sum(request.size for request in group)
                case RevisionRequest() as revision:
                    self._queue.popleft()
                    await self._settle_revision(revision)
                    self._num_waiting -= 1
                case ErasureRequest() as erasure:
                    self._queue.popleft()
                    await self._settle_erasure(erasure)
                    self._num_waiting -= 1
                case SwitchRequest() as switch:
                    self._queue.popleft()
                    self._committer.switch(switch.tracer)
                    succeed(switch.done, None)
                case RefreshRequest() as refresh:
                    self._queue.popleft()
                    await self._settle_refresh(refresh)
                case ForgetRequest() as forget:
                    self._queue.popleft()
                    self._committer.forget(forget.student)
                    succeed(forget.done, None)

    def _next_group(self) -> list[Shared]:
        """Take what one transaction is to store; whoever has waited too long is told so instead, and is not stored."""
        group: list[Shared] = []
        size = 0
        now = asyncio.get_running_loop().time()
        while self._queue and isinstance(request := self._queue[0], Request | KeepRequest):
            if request.due < now:
                self._queue.popleft()
                self._num_waiting -= request.size
                fail(request.done, UnavailableError(TOO_LATE.format(self._write_within)))
                continue
            if group and size + request.size > LARGEST_GROUP:
                break
            self._queue.popleft()
            group.append(request)
            size += request.size
        return group

    async def _settle_erasure(self, request: ErasureRequest) -> None:
        try:
            erased = await self._committer.erase(request.erasure)
        except Exception as error:
            if not isinstance(error, KnowTraceError):
                logger.exception("A student could not be erased")
            fail(request.done, error)
            return
        succeed(request.done, erased)
        self._tell(lambda: self._on_erasure(request.erasure, erased))

    async def _settle_refresh(self, request: RefreshRequest) -> None:
        try:
            await self._committer.refresh(request.student)
        except Exception as error:  # noqa: BLE001 - whoever catches up hears of it, and the writer goes on
            fail(request.done, error)
            return
        succeed(request.done, None)

    async def _settle_revision(self, request: RevisionRequest) -> None:
        try:
            result = await self._revised(request.revision)
        except Exception as error:
            if not isinstance(error, KnowTraceError):
                logger.exception("An answer could not be revised")
            fail(request.done, error)
            return
        succeed(request.done, result)
        if result.is_new:
            tenant_id = request.revision.tenant_id
            self._tell(lambda: self._on_revision(tenant_id, result))
            self._catch_up(StudentKey(tenant_id, name) for name in result.set_aside)

    async def _revised(self, revision: Revision) -> RevisionResult:
        try:
            return await self._committer.revise(revision)
        except ModelError as error:
            logger.warning("The model failed on a revision, which is stored without it", exc_info=error)
            return await self._committer.revise(revision, asks_model=False)

    async def _settle(self, group: Sequence[Shared]) -> None:
        """Commit a group and tell its senders; when it cannot be, let each request stand or fall on its own."""
        events = [event for request in group if isinstance(request, Request) for event in request.events]
        choices = [request.choice for request in group if isinstance(request, KeepRequest)]
        callers = [request.span for request in group if request.span.is_valid]
        try:
            with span("intake.commit", links=callers, events=len(events), decisions=len(choices)):
                committed = await self._committer.commit(events, choices)
        except UnavailableError as error:
            for request in group:
                fail(request.done, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever one request does, the writer and its neighbours go on
            if len(group) == 1:
                await self._settle_alone(group[0], error)
                return
            for request in group:
                await self._settle([request])
            return
        self._acknowledge(group, committed)

    async def _settle_alone(self, request: Shared, error: Exception) -> None:
        """Store what a model has failed on without it; any other failure is the sender's to hear."""
        if isinstance(error, ModelError) and isinstance(request, Request):
            logger.warning("The model failed on an answer, which is stored without it", exc_info=error)
            try:
                committed = await self._committer.commit(request.events, asks_model=False)
            except Exception as second:
                logger.exception("An answer could not be stored")
                fail(request.done, second)
                return
            self._acknowledge([request], committed)
            return
        logger.error("What was sent could not be stored", exc_info=error)
        fail(request.done, error)

    def _acknowledge(self, group: Sequence[Shared], committed: Committed) -> None:
        results = iter(committed.results)
        for request in group:
            match request:
                case Request():
                    succeed(request.done, [next(results) for _ in request.events])
                case KeepRequest(choice) if choice.decision.decision_id in committed.kept_decisions:
                    succeed(request.done, None)
                case KeepRequest():
                    fail(request.done, UnavailableError(ERASED))
        if committed.events:
            self._tell(lambda: self._on_commit(committed))
            self._catch_up(committed.set_aside())

    def _catch_up(self, students: Iterable[StudentKey]) -> None:
        if not self._is_closing:
            self._catching_up.begin(students, self._committer.tracer)

    def _tell(self, listener: Callable[[], None]) -> None:
        try:
            listener()
        except Exception:  # the answers are stored; who listens must not stop the next ones
            logger.exception("A commit could not be announced")
