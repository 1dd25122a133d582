"""Bodies that arrive slowly hold no more memory, all together, than they may."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message, Receive, Scope

from knowtrace.service.bodies import Bodies, RefusedBody
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings

POST: Scope = {"type": "http", "method": "POST", "headers": []}


def sender(chunks: "asyncio.Queue[Message]") -> Receive:
    return chunks.get


def chunk(size: int, *, more: bool) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def test_what_is_too_much_at_once_is_503_until_others_have_ended() -> None:
    bodies = Bodies(Settings(), most_arriving=100)
    slow: asyncio.Queue[Message] = asyncio.Queue()
    slow.put_nowait(chunk(90, more=True))
    begun = asyncio.create_task(bodies.read(POST, sender(slow)))
    while not bodies.bytes_arriving:
        await asyncio.sleep(0)
    second: asyncio.Queue[Message] = asyncio.Queue()
    second.put_nowait(chunk(20, more=True))
    refused = await bodies.read(POST, sender(second))
    assert isinstance(refused, RefusedBody) and refused.status == 503
    assert bodies.bytes_arriving == 90
    whole: asyncio.Queue[Message] = asyncio.Queue()
    whole.put_nowait(chunk(50, more=False))
    assert await bodies.read(POST, sender(whole)) == b"x" * 50
    slow.put_nowait(chunk(1, more=False))
    assert len(await begun) == 91  # type: ignore[arg-type]
    assert bodies.bytes_arriving == 0


async def test_a_sender_that_goes_leaves_nothing_behind() -> None:
    bodies = Bodies(Settings(), most_arriving=100)
    chunks: asyncio.Queue[Message] = asyncio.Queue()
    chunks.put_nowait(chunk(90, more=True))
    begun = asyncio.create_task(bodies.read(POST, sender(chunks)))
    while not bodies.bytes_arriving:
        await asyncio.sleep(0)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    assert bodies.bytes_arriving == 0


async def test_a_refused_body_is_counted_by_its_name(
    client: httpx.AsyncClient, classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classroom.bodies, "_most_arriving", 5)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b"[     "

    assert (await client.post("/api/v1/events", content=slowly())).status_code == 503
    text = classroom.metrics.text().decode()
    assert 'error_type="RefusedBody"' in text
    assert 'error_type="unknown"' not in text
