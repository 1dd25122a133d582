"""How one message reaches a webhook or the stream."""

import time
from datetime import UTC
from typing import Any, Protocol

import httpx
import orjson

from knowtrace.errors import KnowTraceError
from knowtrace.outbound import Allowed, post
from knowtrace.settings import Settings
from knowtrace.store import QueuedMessage


class DeliveryError(Exception):
    """A message did not arrive, as far as can be told."""


class Sender(Protocol):
    """Delivers one message of a tenant. Raises: DeliveryError when it did not arrive."""

    async def __call__(self, tenant_id: str, message: QueuedMessage) -> None: ...


def written(tenant_id: str, message: QueuedMessage) -> bytes:
    """Return a message as it is sent: the same bytes each time it is."""
    content = {
        "message_id": message.message_id,
        "kind": message.kind,
        "tenant_id": tenant_id,
        "created_at": message.created_at.astimezone(UTC),
        "data": message.body,
    }
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def allowed_webhooks(settings: Settings) -> Allowed:
    return Allowed(settings.webhook_hosts, is_development=settings.environment == "development")


class WebhookSender:
    """POSTs to one URL. Redirects are not followed; an answer other than 2xx is a failure."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings, url: str, secret: bytes) -> None:
        self._client = client
        self._settings = settings
        self._url = url
        self._secret = secret

    async def __call__(self, tenant_id: str, message: QueuedMessage) -> None:
        body = written(tenant_id, message)
        try:
            status = await post(
                self._client,
                allowed_webhooks(self._settings),
                self._url,
                body,
                key=self._secret,
                at=int(time.time()),
                headers={"X-KnowTrace-Message": message.message_id},
            )
        except (httpx.HTTPError, httpx.InvalidURL, KnowTraceError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from error
        if not 200 <= status < 300:
            raise DeliveryError(f"HTTP status {status}")


class StreamSender:
    """Appends to a Redis stream, with the message's id for its readers to tell repeats by."""

    def __init__(self, redis: Any, stream: str, *, max_length: int) -> None:
        self._redis = redis
        self._stream = stream
        self._max_length = max_length

    async def __call__(self, tenant_id: str, message: QueuedMessage) -> None:
        fields = {
            "message_id": message.message_id,
            "tenant_id": tenant_id,
            "kind": message.kind,
            "body": written(tenant_id, message),
        }
        try:
            await self._redis.xadd(self._stream, fields, maxlen=self._max_length, approximate=True)
        except Exception as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._redis.aclose()
