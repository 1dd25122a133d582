"""Takes messages out of the outbox and delivers them, each at least once, those of one student in order.

A lane is leased in a transaction, so that of several processes one holds it. A message is marked after it has arrived:
a process that dies between the two leaves it to be sent again, when its lease has ended.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog

from knowtrace.errors import KnowTraceError
from knowtrace.outbound import caller
from knowtrace.service.delivery.outgoing import STREAM, Mailroom
from knowtrace.service.delivery.sealing import Sealer
from knowtrace.service.delivery.senders import DeliveryError, Sender, StreamSender, WebhookSender
from knowtrace.service.metrics import Delivery, Metrics
from knowtrace.settings import LEASE_MARGIN_SECONDS, Settings
from knowtrace.store import Lane, QueuedMessage, Store, StoredWebhook

LANES_AT_ONCE = 32
LANES_OF_ONE_DESTINATION = 8
"""A receiver that is slow holds no more of them, and the others' messages pass it by."""

MESSAGES_AT_ONCE = 50
LONGEST_BACKOFF_SECONDS = 3_600.0

log: Any = structlog.get_logger("knowtrace.delivery")


class Deliverer:
    """Delivers what waits; `go_on` does so for ever."""

    def __init__(
        self,
        store: Store,
        mailroom: Mailroom,
        settings: Settings,
        sealer: Sealer,
        metrics: Metrics,
        client: httpx.AsyncClient,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._mailroom = mailroom
        self._settings = settings
        self._sealer = sealer
        self._client = client
        self._stream = _stream_sender(settings)
        self._underway: dict[asyncio.Task[None], str] = {}

    async def go_on(self) -> None:
        """Deliver as messages come and as their time does; who wants what is read again now and then."""
        loop = asyncio.get_running_loop()
        refreshed = loop.time()
        while True:
            try:
                async with asyncio.timeout(self._settings.delivery_poll_seconds):
                    await self._mailroom.arrived.wait()
            except TimeoutError:
                pass
            self._mailroom.arrived.clear()
            try:
                if loop.time() - refreshed >= self._settings.subscriptions_poll_seconds:
                    await self._mailroom.refresh()
                    refreshed = loop.time()
                while self._mailroom.has_destinations and await self._take_up_waiting():
                    pass
            except KnowTraceError as error:
                # The messages are kept; a database that is away is said by readiness.
                log.warning("messages cannot be delivered", error=error.for_operators)
            except Exception:
                log.exception("delivery failed, and goes on")

    async def close(self) -> None:
        """Stop in the middle; what was not written down is delivered again when its lease has ended."""
        for task in self._underway:
            task.cancel()
        await asyncio.gather(*self._underway, return_exceptions=True)
        if self._stream is not None:
            await self._stream.close()

    async def _take_up_waiting(self) -> bool:
        """Begin to deliver from the lanes that have waited longest; False when none waits, or there is no room."""
        room = LANES_AT_ONCE - len(self._underway)
        if not room:
            return False
        now = datetime.now(UTC)
        until = now + timedelta(seconds=self._settings.delivery_lease_seconds)
        lanes = await self._store.lease_lanes(
            now=now,
            until=until,
            limit=room,
            most_of_one=LANES_OF_ONE_DESTINATION,
            held=Counter(self._underway.values()),
        )
        for lane in lanes:
            task = asyncio.create_task(self._take_up(lane, until), name="lane")
            self._underway[task] = lane.destination
            task.add_done_callback(self._has_room)
        return bool(lanes)

    def _has_room(self, done: asyncio.Task[None]) -> None:
        del self._underway[done]
        self._mailroom.arrived.set()

    async def _take_up(self, lane: Lane, until: datetime) -> None:
        try:
            await self._deliver_lane(lane, until)
        except Exception:
            # The lane is taken up again when its lease has ended.
            log.exception("a lane could not be delivered", lane=lane.lane)

    async def _deliver_lane(self, lane: Lane, until: datetime) -> None:
        async with self._store.reading(lane.tenant_id) as session:
            messages = await session.outbox.waiting(lane, limit=MESSAGES_AT_ONCE)
            hook = None if lane.destination == STREAM else await session.outbox.webhook(lane.destination)
        delivered: list[int] = []
        failed: QueuedMessage | None = None
        error: str | None = None
        # Whoever takes the lane over when the lease has ended must not meet us still sending.
        stop_at = until - timedelta(seconds=self._settings.delivery_timeout_seconds + LEASE_MARGIN_SECONDS)
        for message in messages:
            error = await self._send(lane, hook, message)
            if error is not None:
                failed = message
                break
            delivered.append(message.sequence)
            if datetime.now(UTC) >= stop_at:
                break
        await self._settle(lane, delivered, failed, error or "")

    async def _send(self, lane: Lane, hook: StoredWebhook | None, message: QueuedMessage) -> str | None:
        """Send one message; return why it did not arrive, or None."""
        seconds = self._settings.delivery_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._sender(lane, hook)(lane.tenant_id, message)
        except (DeliveryError, KnowTraceError) as error:
            return str(error)
        except TimeoutError as error:
            return str(error) or f"no answer in {seconds:g} s"
        except Exception as error:
            # An attempt like any other, or the message would be tried for ever; its text may quote a secret.
            log.exception("a message could not be sent", message_id=message.message_id)
            return f"{type(error).__name__}: the log of this service says where"
        return None

    async def _settle(
        self, lane: Lane, delivered: list[int], failed: QueuedMessage | None, error: str
    ) -> None:
        now = datetime.now(UTC)
        again_at = None
        if failed is not None and failed.attempts + 1 < self._settings.delivery_attempts:
            again_at = now + timedelta(seconds=self._backoff(failed.attempts))
        async with self._store.writing(lane.tenant_id) as session:
            await session.outbox.settle(
                lane, delivered=delivered, failed=failed, error=error, again_at=again_at, now=now
            )
        self._metrics.messages_settled(Delivery.DELIVERED, len(delivered))
        if failed is not None:
            self._metrics.messages_settled(Delivery.DELAYED if again_at else Delivery.DEAD)
            log.warning(
                "message not delivered",
                message_id=failed.message_id,
                destination=lane.destination,
                attempts=failed.attempts + 1,
                is_dead=again_at is None,
                error=error,
            )

    def _sender(self, lane: Lane, hook: StoredWebhook | None) -> Sender:
        """Raises: DeliveryError when the destination is gone, UnavailableError when its secret cannot be opened."""
        if lane.destination == STREAM and self._stream is not None:
            return self._stream
        if hook is None:
            raise DeliveryError("The destination is not there any more.")
        secret = self._sealer.open(hook.secret, owner=f"{lane.tenant_id}/{hook.webhook_id}")
        return WebhookSender(self._client, self._settings, hook.url, secret)

    def _backoff(self, attempts: int) -> float:
        """Return the seconds to wait after so many attempts: twice as long each time, less up to half by chance."""
        longest = min(self._settings.delivery_backoff_seconds * 2**attempts, LONGEST_BACKOFF_SECONDS)
        return longest * random.uniform(0.5, 1.0)


def _stream_sender(settings: Settings) -> StreamSender | None:
    if settings.redis_url is None or settings.redis_stream is None:
        return None
    from redis.asyncio import Redis  # noqa: PLC0415 - an extra of its own

    timeout = settings.delivery_timeout_seconds
    redis: Any = Redis.from_url(settings.redis_url, socket_timeout=timeout, socket_connect_timeout=timeout)
    return StreamSender(redis, settings.redis_stream, max_length=settings.redis_stream_length)


@asynccontextmanager
async def delivering(
    store: Store, mailroom: Mailroom, settings: Settings, sealer: Sealer, metrics: Metrics
) -> AsyncGenerator[None]:
    """Deliver messages in the background; what is not delivered in the end waits for the next process."""
    async with caller(settings.delivery_timeout_seconds) as client:
        deliverer = Deliverer(store, mailroom, settings, sealer, metrics, client)
        task = asyncio.create_task(deliverer.go_on(), name="deliverer")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await deliverer.close()
