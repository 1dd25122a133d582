"""Who wants to hear of whose answers. In this process only: subscribers of another one are not reached."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from knowtrace.errors import TooManyError, UnavailableError
from knowtrace.service.identity.caller import Caller
from knowtrace.tracing import StudentKey

MOST_WAITING = 64
"""Messages a subscriber may fall behind before it is dropped: the writer never waits for a reader."""

RETRY_AFTER_SECONDS = 5
"""For a caller who holds too many streams: one may have been closed meanwhile."""


class Subscription:
    """One reader of one tenant's student's messages. `next` returns None once it was dropped or the broker closed."""

    def __init__(self, caller: Caller, student_id: str) -> None:
        self.about = StudentKey(caller.tenant_id, student_id)
        # A student's keys are one reader.
        self.reader = caller.tenant_id, caller.student_id or caller.subject, caller.role
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)

    async def next(self, timeout_seconds: float) -> bytes | None:
        """Wait for a message.

        Raises:
            TimeoutError: none came in time.
        """
        async with asyncio.timeout(timeout_seconds):
            return await self._messages.get()

    def offer(self, message: bytes) -> bool:
        """Hand over a message; False when the reader has fallen too far behind."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Let the reader stop: what it has not read is thrown away."""
        while not self._messages.empty():
            self._messages.get_nowait()
        self._messages.put_nowait(None)


class Broker:
    """Passes messages about a student to everybody who subscribed to that student.

    At most `max_subscribers` listen at once, and `max_of_student` one student's readers: one for each open tab. Other
    credentials of a tenant may serve a whole school. A tenant may have all that nobody else asks for; beyond half, its
    streams end one by one as other tenants ask.
    """

    def __init__(self, *, max_subscribers: int, max_of_student: int) -> None:
        self._max_subscribers = max_subscribers
        self._half = max(max_subscribers // 2, 1)
        self._max_of_student = max_of_student
        self._num_subscribers = 0
        self._by_reader: Counter[object] = Counter()
        self._by_tenant: Counter[str] = Counter()
        self._by_student: dict[StudentKey, set[Subscription]] = {}
        self._is_closed = False

    @property
    def num_subscribers(self) -> int:
        return self._num_subscribers

    def subscribe(self, caller: Caller, student_id: str) -> Subscription:
        """Begin to listen; end it with `unsubscribe`.

        Raises:
            TooManyError: the caller listens as often as one may.
            UnavailableError: too many listen already, or the service is stopping.
        """
        if self._is_closed:
            raise UnavailableError("The service is stopping: connect again in a moment.")
        subscription = Subscription(caller, student_id)
        most = min(self._half, self._max_of_student)
        if caller.student_id is not None and self._by_reader[subscription.reader] >= most:
            raise TooManyError(
                f"This caller has {most} streams open, the most that one may have: close one, then ask again.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        if self._num_subscribers >= self._max_subscribers:
            self._make_room(caller.tenant_id)
        self._by_reader[subscription.reader] += 1
        self._by_tenant[caller.tenant_id] += 1
        self._by_student.setdefault(subscription.about, set()).add(subscription)
        self._num_subscribers += 1
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        listeners = self._by_student.get(subscription.about, set())
        if subscription in listeners:
            listeners.remove(subscription)
            self._num_subscribers -= 1
            self._by_reader[subscription.reader] -= 1
            if not self._by_reader[subscription.reader]:
                del self._by_reader[subscription.reader]
            self._by_tenant[subscription.about.tenant_id] -= 1
            if not self._by_tenant[subscription.about.tenant_id]:
                del self._by_tenant[subscription.about.tenant_id]
            if not listeners:
                del self._by_student[subscription.about]

    def publish(self, tenant_id: str, student_id: str, message: Callable[[], bytes]) -> None:
        """Pass a message on; it is only built when somebody listens."""
        listeners = self._by_student.get(StudentKey(tenant_id, student_id))
        if not listeners:
            return
        built = message()
        for subscription in list(listeners):
            if not subscription.offer(built):
                subscription.end()
                self.unsubscribe(subscription)

    def end(self, student: StudentKey) -> None:
        """End every stream about one student, with what waits in it."""
        self._end(list(self._by_student.get(student, ())))

    def end_all(self) -> None:
        """End every stream; readers may connect again."""
        for listeners in list(self._by_student.values()):
            self._end(list(listeners))

    def close(self) -> None:
        """End every stream, so that a server that stops need not wait for readers."""
        self._is_closed = True
        self.end_all()

    def _make_room(self, tenant_id: str) -> None:
        """End a stream in the tenant that has more than half, for one that has less.

        Raises:
            UnavailableError: no tenant has, or it is this one.
        """
        above = next((tenant for tenant, number in self._by_tenant.items() if number > self._half), None)
        if above is None or self._by_tenant[tenant_id] >= self._half:
            raise UnavailableError(
                f"{self._num_subscribers} streams are open, the most this service keeps: ask again later."
            )
        newest = next(student for student in reversed(self._by_student) if student.tenant_id == above)
        self._end([next(iter(self._by_student[newest]))])

    def _end(self, subscriptions: Iterable[Subscription]) -> None:
        for subscription in subscriptions:
            subscription.end()
            self.unsubscribe(subscription)
