"""A web server that receives messages, and may do so badly."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Literal, Self

Mood = Literal["good", "error", "hanging", "redirecting"]


class Receiver:
    """Listens on this machine; `requests` has (headers, body) of each request it was sent, also of those it failed."""

    def __init__(self, mood: Mood = "good") -> None:
        self.mood: Mood = mood
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.elsewhere = ""
        self._waiting: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    async def wait_for(self, num_requests: int, timeout_seconds: float = 10) -> None:
        async with asyncio.timeout(timeout_seconds):
            while len(self.requests) < num_requests:
                await asyncio.sleep(0.01)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = (line.partition(": ") for line in head.split("\r\n")[1:] if line)
                headers = {name.lower(): value for name, _, value in lines}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((headers, body))
                if self.mood == "hanging":
                    await asyncio.sleep(3_600)
                writer.write(self._reply())
                await writer.drain()
        writer.close()

    def _reply(self) -> bytes:
        if self.mood == "redirecting":
            return f"HTTP/1.1 307 Go\r\nLocation: {self.elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
        status = "200 OK" if self.mood == "good" else "500 Bad"
        return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
