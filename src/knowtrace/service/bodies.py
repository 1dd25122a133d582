"""Request bodies: read whole before anybody works on them, within limits of time, of size, and of all that arrive at
once."""

import asyncio
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope

from knowtrace.settings import Settings

MOST_ARRIVING = 64 * 2**20
"""Bytes of bodies that may be half here: who sends slowly is not asked for a credential yet."""


@dataclass(frozen=True, slots=True)
class RefusedBody:
    """Why a body is not read to its end."""

    status: int
    detail: str


class Bodies:
    """Reads bodies, and counts the bytes of those that have begun and not ended."""

    def __init__(self, settings: Settings, *, most_arriving: int = MOST_ARRIVING) -> None:
        self._within = settings.body_within_seconds
        self._most = settings.max_request_bytes
        self._most_arriving = most_arriving
        self.bytes_arriving = 0

    async def read(self, scope: Scope, receive: Receive) -> bytes | RefusedBody:
        """Return the whole body; nothing for a method that has none."""
        if scope["method"] in {"GET", "HEAD", "DELETE"}:
            return b""
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._most:
            return self._too_large()
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._within):
                return await self._read(receive, chunks)
        except TimeoutError:
            return RefusedBody(
                408,
                f"The body did not arrive within {self._within:g} s: send it again, or in smaller parts.",
            )
        finally:
            self.bytes_arriving -= sum(map(len, chunks))

    async def _read(self, receive: Receive, chunks: list[bytes]) -> bytes | RefusedBody:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            chunk: bytes = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            self.bytes_arriving += len(chunk)
            if size > self._most:
                return self._too_large()
            if not message.get("more_body", False):
                return b"".join(chunks)
            if self.bytes_arriving > self._most_arriving:
                return RefusedBody(
                    503,
                    f"Bodies of {self.bytes_arriving:,} bytes are arriving at once: send this again in a moment.",
                )

    def _too_large(self) -> RefusedBody:
        return RefusedBody(413, f"The body is larger than {self._most} bytes: send it in several calls.")


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out the body that was read, then what the client does next."""
    is_read = False

    async def next_message() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
