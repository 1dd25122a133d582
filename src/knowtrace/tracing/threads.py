"""Threads that compute with one model: a model that hangs holds its own, and nobody else's."""

import asyncio
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from knowtrace.errors import ModelError

P = ParamSpec("P")
Result = TypeVar("Result")

MOST_LEFT = 2
"""Threads that a model may hold long after their askers have gone; with so many it is not asked."""

STUCK_SECONDS = 1.0
"""What lasts no longer after its asker has gone is an asker who left, not a model that hangs."""


class TooSlowError(ModelError):
    """A model computes for longer than its asker lets it."""


class AskerGoneError(Exception):
    """Ends a computation that nobody waits for any more; nobody hears of it."""


@dataclass(slots=True)
class _Allowance:
    """The seconds that a model may still compute for one request, however long that waits for other things."""

    seconds: float


@dataclass(slots=True)
class _Asker:
    has_gone: bool = False


_allowance: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)
_asker: ContextVar[_Asker | None] = ContextVar("asker", default=None)


@contextmanager
def computing_within(seconds: float) -> Generator[None]:
    """Let threads of models compute for so long together inside; then what they do raises TooSlowError."""
    token = _allowance.set(_Allowance(seconds))
    try:
        yield
    finally:
        _allowance.reset(token)


def check_asker() -> None:
    """Go on only while somebody waits: a thread cannot be stopped from outside, so a replay asks before each step.

    Raises:
        AskerGoneError: nobody does.
    """
    asker = _asker.get()
    if asker is not None and asker.has_gone:
        raise AskerGoneError


class Threads:
    """As many threads as a process has by default, begun when they are needed: those of one model, or the writer's."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._pool = ThreadPoolExecutor(thread_name_prefix=version)
        self._left: dict[Future[Any], float] = {}

    @property
    def are_stuck(self) -> bool:
        """Whether so many compute for nobody any more that the model must be thought to hang."""
        if len(self._left) < MOST_LEFT:
            return False
        long_ago = time.monotonic() - STUCK_SECONDS
        return sum(left_at < long_ago for left_at in list(self._left.values())) >= MOST_LEFT

    async def run(self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Compute in one of these threads, like `asyncio.to_thread`, but for no longer than `computing_within` says.

        Raises:
            TooSlowError: it takes longer.
        """
        allowance, asker, context = _allowance.get(), _Asker(), copy_context()
        context.run(_asker.set, asker)
        began = time.monotonic()
        job = self._pool.submit(context.run, function, *args, **kwargs)
        answer = asyncio.wrap_future(job)
        try:
            await asyncio.wait([answer], timeout=None if allowance is None else max(allowance.seconds, 0.0))
            if not answer.done():
                raise TooSlowError(
                    f"Model {self._version} was let compute for {time.monotonic() - began:.3g} s and had not ended: it "
                    "may take half of what is left of KNOWTRACE_ANSWER_WITHIN_SECONDS."
                )
            return answer.result()
        finally:
            asker.has_gone = True
            if allowance is not None:
                allowance.seconds -= time.monotonic() - began
            if not job.done() and not job.cancel():
                answer.cancel()
                self._left[job] = time.monotonic()
                job.add_done_callback(lambda done: self._left.pop(done, None))

    def close(self) -> None:
        """Let the threads end when they have done what they were given."""
        self._pool.shutdown(wait=False)
