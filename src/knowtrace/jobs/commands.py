"""Run a command of `knowtrace` as a process of its own: what learns needs libraries that what serves must not load."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

PROGRAM = ("-m", "knowtrace")
LONGEST_OUTPUT = 3_000
CHUNK = 65_536

LAST_WORDS_SECONDS = 5.0
"""How long a command that has ended is listened to: a child that it left behind may hold its output open."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, None if it took too long and was stopped, and the end of what it printed."""

    code: int | None
    output: str


async def run_command(arguments: Sequence[str], *, timeout_seconds: float) -> Ended:
    """Run `knowtrace ARGUMENTS`; what it has left behind is stopped when it ends.

    All of it is stopped when time is over or the caller is cancelled.
    """
    kept = bytearray()
    with _listening(kept) as (output, has_ended):
        with output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *PROGRAM,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(timeout_seconds):
                code = await process.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(has_ended.wait(), LAST_WORDS_SECONDS)
        except TimeoutError:
            code = None
        finally:
            # The group lives as long as anybody in it does: longer than the command, where that left a child.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ended(code, kept.decode("utf-8", "replace")[-LONGEST_OUTPUT:])


@contextlib.contextmanager
def _listening(kept: bytearray) -> Generator[tuple[BinaryIO, asyncio.Event]]:
    """Open what a process may write to, and keep the last of it: a long run must not fill memory.

    The event is set when nobody holds it any more. asyncio's own pipe will not do: with it, a process has not ended
    before everybody has let go of its output.
    """
    loop, has_ended = asyncio.get_running_loop(), asyncio.Event()
    read_end, write_end = os.pipe()

    def listen() -> None:
        chunk = os.read(read_end, CHUNK)
        kept.extend(chunk)
        del kept[: -4 * LONGEST_OUTPUT]
        if not chunk:
            loop.remove_reader(read_end)
            has_ended.set()

    loop.add_reader(read_end, listen)
    try:
        yield os.fdopen(write_end, "wb"), has_ended
    finally:
        loop.remove_reader(read_end)
        os.close(read_end)
