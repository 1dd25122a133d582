"""Run a command of `knowtrace` as a process of its own: what learns needs libraries that what serves must not load."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

PROGRAM = ("-m", "knowtrace")
LONGEST_OUTPUT = 3_000
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code, None if it took too long and was stopped, and the end of what it printed."""

    code: int | None
    output: str


async def run_command(arguments: Sequence[str], *, timeout_seconds: float) -> Ended:
    """Run `knowtrace ARGUMENTS`. It and what it started are stopped when time is over or the caller is cancelled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    kept = bytearray()
    try:
        async with asyncio.timeout(timeout_seconds):
            await _read_into(process, kept)
            code = await process.wait()
    except TimeoutError:
        code = None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ended(code, kept.decode("utf-8", "replace")[-LONGEST_OUTPUT:])


async def _read_into(process: asyncio.subprocess.Process, kept: bytearray) -> None:
    """Read until the end, keeping the last of it: a long run must not fill memory."""
    assert process.stdout is not None
    while chunk := await process.stdout.read(CHUNK):
        kept += chunk
        del kept[: -4 * LONGEST_OUTPUT]
