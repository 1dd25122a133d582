"""How one message reaches a webhook or the stream."""

import time
from datetime import UTC
from typing import Any, Protocol

import httpx
import orjson

from knowtrace.service.delivery.addresses import find_target
from knowtrace.service.delivery.signing import HEADER, sign
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
            target = await find_target(self._url, self._settings)
            async with self._client.stream(
                "POST",
                target.url,
                content=body,
                headers={
                    "Host": target.host_header,
                    "Content-Type": "application/json",
                    "X-KnowTrace-Message": message.message_id,
                    HEADER: sign(self._secret, body, at=int(time.time())),
                },
                extensions={"sni_hostname": target.host},
            ) as answer:
                status = answer.status_code  # the body of the answer is not read: it may never end
        except Exception as error:
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
