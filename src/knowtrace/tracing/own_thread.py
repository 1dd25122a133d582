"""A thread for one kind of work: nobody else's stands before it."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, Protocol, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")


class InThread(Protocol):
    """How work leaves the event loop: `asyncio.to_thread`, or a thread of its own."""

    def __call__(
        self, work: Callable[Given, Found], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Awaitable[Found]: ...


class OwnThread:
    """Does what `asyncio.to_thread` does, in one thread that is started at the first call."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __call__(
        self, work: Callable[Given, Found], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Found:
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: context.run(work, *args, **kwargs)
        )

    def close(self) -> None:
        """Let the thread end when it has done what it was given."""
        self._executor.shutdown(wait=False)
