"""What a process and its descendants use, read from /proc: for work that other processes take part in."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> list[int]:
    """Return a process and its descendants, as far as they still run."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(inner for child in children for inner in tree(int(child)))]


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, of its running descendants, and of those it has waited for."""
    return sum(_ticks(member) for member in tree(pid)) / TICKS


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants; what they share is counted once for each."""
    return sum(_resident(member) for member in tree(pid))


def _ticks(pid: int) -> int:
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
