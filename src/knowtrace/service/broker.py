"""Who wants to hear of whose answers. In this process only: subscribers of another one are not reached."""

import asyncio
from collections.abc import Callable, Iterable

from knowtrace.errors import UnavailableError

MOST_WAITING = 64
"""Messages a subscriber may fall behind before it is dropped: the writer never waits for a reader."""


class Subscription:
    """One reader of one tenant's student's messages. `next` returns None once it was dropped or the broker closed."""

    def __init__(self, tenant_id: str, student_id: str) -> None:
        self.about = tenant_id, student_id
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
    """Passes messages about a student to everybody who subscribed to that student."""

    def __init__(self, *, max_subscribers: int) -> None:
        self._max_subscribers = max_subscribers
        self._num_subscribers = 0
        self._by_student: dict[tuple[str, str], set[Subscription]] = {}
        self._is_closed = False

    @property
    def num_subscribers(self) -> int:
        return self._num_subscribers

    def subscribe(self, tenant_id: str, student_id: str) -> Subscription:
        """Begin to listen; end it with `unsubscribe`.

        Raises:
            UnavailableError: too many listen already, or the service is stopping.
        """
        if self._is_closed:
            raise UnavailableError("The service is stopping: connect again in a moment.")
        if self._num_subscribers >= self._max_subscribers:
            raise UnavailableError(
                f"{self._num_subscribers} streams are open, the most this service keeps: ask again later."
            )
        subscription = Subscription(tenant_id, student_id)
        self._by_student.setdefault(subscription.about, set()).add(subscription)
        self._num_subscribers += 1
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        listeners = self._by_student.get(subscription.about, set())
        if subscription in listeners:
            listeners.remove(subscription)
            self._num_subscribers -= 1
            if not listeners:
                del self._by_student[subscription.about]

    def publish(self, tenant_id: str, student_id: str, message: Callable[[], bytes]) -> None:
        """Pass a message on; it is only built when somebody listens."""
        listeners = self._by_student.get((tenant_id, student_id))
        if not listeners:
            return
        built = message()
        for subscription in list(listeners):
            if not subscription.offer(built):
                subscription.end()
                self.unsubscribe(subscription)

    def end(self, tenant_id: str, student_id: str) -> None:
        """End every stream about one student, with what waits in it."""
        self._end(list(self._by_student.get((tenant_id, student_id), ())))

    def end_all(self) -> None:
        """End every stream; readers may connect again."""
        for listeners in list(self._by_student.values()):
            self._end(list(listeners))

    def close(self) -> None:
        """End every stream, so that a server that stops need not wait for readers."""
        self._is_closed = True
        self.end_all()

    def _end(self, subscriptions: Iterable[Subscription]) -> None:
        for subscription in subscriptions:
            subscription.end()
            self.unsubscribe(subscription)
