"""A load of requests on the real server, for the benchmarks beside this file: closed, or open at a fixed rate.

In the open form a latency counts from the moment the request was due, so that a slow server cannot hide its own queue.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time; parses no more of HTTP than it must."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, but does not inherit

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._received.lower().find(b"content-length:", 0, head)
        length = int(self._received[at + 15 : self._received.find(b"\r", at)])
        if len(self._received) >= head + 4 + length and self._answer:
            self._answer.set_result(int(self._received[9:12]))
            self._received.clear()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def send(self, request: bytes) -> "asyncio.Future[int]":
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer


class Client:
    """Sends one request at a time, over a new connection when the server has closed the one before."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = Connection()

    async def send(self, request: bytes) -> int:
        """Return the status.

        Raises:
            ConnectionError: there was no answer.
        """
        if not self._connection.is_open:
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return await self._connection.send(request)

    def close(self) -> None:
        if self._connection.is_open:
            self._connection.close()


@dataclass(frozen=True, slots=True)
class Done:
    """One answered request; times are those of `time.perf_counter`."""

    due: float
    at: float
    status: int

    @property
    def milliseconds(self) -> float:
        return (self.at - self.due) * 1e3


class Load:
    """Requests, and what became of each."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self.done: list[Done] = []
        self.failures = 0

    async def one(self, client: Client, due: float) -> None:
        try:
            status = await client.send(next(self._requests))
        except ConnectionError:
            self.failures += 1
            return
        self.done.append(Done(due, time.perf_counter(), status))

    def statuses(self) -> dict[str, int]:
        return {str(status): n for status, n in sorted(Counter(done.status for done in self.done).items())}

    def between(self, begun: float, until: float) -> list[Done]:
        return [done for done in self.done if begun <= done.at < until]


def latencies(done: list[Done]) -> dict[str, float]:
    """Return percentiles in milliseconds."""
    found = np.array([one.milliseconds for one in done])
    p50, p95, p99 = np.percentile(found, [50, 95, 99]).tolist()
    return {
        "p50": round(p50, 2),
        "p95": round(p95, 2),
        "p99": round(p99, 2),
        "max": round(float(found.max()), 2),
    }


async def closed(load: Load, clients: list[Client], until: float) -> None:
    async def sender(client: Client) -> None:
        while (now := time.perf_counter()) < until:
            await load.one(client, now)

    await asyncio.gather(*(sender(client) for client in clients))


async def open_model(load: Load, clients: list[Client], until: float, rate: float) -> int:
    """Send at a fixed rate; return how many requests never found a free client.

    Who was answered last sends next, as pools of connections do: in turn, each connection would lie idle for longer
    than a server keeps it, and nearly every request would need a new one.
    """
    idle = list(clients)
    due = deque[float]()
    running: set[asyncio.Task[None]] = set()

    async def carry(client: Client, at: float) -> None:
        await load.one(client, at)
        if due:
            start(client, due.popleft())
        else:
            idle.append(client)

    def start(client: Client, at: float) -> None:
        task = asyncio.create_task(carry(client, at))
        running.add(task)
        task.add_done_callback(running.discard)

    next_due = time.perf_counter()
    while next_due < until:
        while next_due <= time.perf_counter():
            if idle:
                start(idle.pop(), next_due)
            else:
                due.append(next_due)
            next_due += 1 / rate
        await asyncio.sleep(max(0.0, next_due - time.perf_counter()))
    dropped = len(due)
    due.clear()
    while running:
        await asyncio.wait(running)
    return dropped
