"""Commands run as processes of their own: their end is known, their time is bounded."""

import asyncio
import time
from pathlib import Path

import pytest

from knowtrace.jobs import commands, run_command


async def test_a_command_ends_with_its_code_and_what_it_said() -> None:
    listed = await run_command(["keys", "--help"], timeout_seconds=60)
    assert listed.code == 0
    assert "API keys" in listed.output
    wrong = await run_command(["no-such-command"], timeout_seconds=60)
    assert wrong.code == 2
    assert "no-such-command" in wrong.output


async def test_a_command_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of `knowtrace`, a program that says the process id of its child, and waits for it."""
    script = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    monkeypatch.setattr(commands, "PROGRAM", ("-c", script))
    began = time.monotonic()
    ended = await run_command([], timeout_seconds=5)
    assert ended.code is None
    assert time.monotonic() - began < 20
    # A signal that was sent is not yet an end, where two cores are busy.
    while is_alive(int(ended.output)) and time.monotonic() - began < 30:
        await asyncio.sleep(0.05)
    assert not is_alive(int(ended.output))


@pytest.mark.parametrize("code", [0, 1])
async def test_what_a_command_leaves_behind_is_stopped_though_it_holds_the_output(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """How the command ended counts, not when its child lets go; and what it said is kept."""
    script = f"import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); raise SystemExit({code})"
    monkeypatch.setattr(commands, "PROGRAM", ("-c", script))
    monkeypatch.setattr(commands, "LAST_WORDS_SECONDS", 0.3)
    began = time.monotonic()
    ended = await run_command([], timeout_seconds=40)
    assert ended.code == code
    assert time.monotonic() - began < 20
    while is_alive(int(ended.output)) and time.monotonic() - began < 30:
        await asyncio.sleep(0.05)
    assert not is_alive(int(ended.output))


async def test_the_last_words_of_a_child_are_waited_for_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import subprocess; subprocess.Popen(['sh', '-c', 'sleep 0.5; echo late'])"
    monkeypatch.setattr(commands, "PROGRAM", ("-c", script))
    assert await run_command([], timeout_seconds=40) == commands.Ended(0, "late\n")


async def test_no_file_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PROGRAM", ("-c", "print('done')"))
    await run_command([], timeout_seconds=40)
    num_open = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        await run_command([], timeout_seconds=40)
    assert len(list(Path("/proc/self/fd").iterdir())) == num_open


def is_alive(process_id: int) -> bool:
    """A process that was killed and that nobody has asked about is a zombie still."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_command_is_stopped_with_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PROGRAM", ("-c", "import time; time.sleep(60)"))
    task = asyncio.create_task(run_command([], timeout_seconds=60))
    await asyncio.sleep(0.3)
    task.cancel()
    began = time.monotonic()
    await asyncio.gather(task, return_exceptions=True)
    assert time.monotonic() - began < 10


async def test_only_the_end_of_a_long_output_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PROGRAM", ("-c", "print('x' * 1_000_000); print('the end')"))
    ended = await run_command([], timeout_seconds=30)
    assert ended.output.endswith("the end\n")
    assert len(ended.output) == commands.LONGEST_OUTPUT
