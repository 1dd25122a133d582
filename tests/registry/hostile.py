"""Open a hostile run in a process of its own, and say what came of it.

The process may take so much memory and time and no more. An audit hook of the interpreter writes down what an opened
file must never do: look up a class for a pickle, start a program, compile code, call out.
"""

import hashlib
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from knowtrace.errors import KnowTraceError
from knowtrace.registry.manifest import MANIFEST
from knowtrace.registry.shelf import fetch, place_of
from knowtrace.registry.signing import trusted_keys
from knowtrace.service.lineup import load, open_trusted
from knowtrace.training import load_model

MOST_MEMORY = 2**30
MOST_SECONDS = 30
FORBIDDEN = frozenset(
    {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "compile", "socket.connect",
     "os.mkdir", "os.remove", "marshal.loads"}
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One hostile run: what is done to a signed copy of a real one, and perhaps between its check and its use.

    It lies in a folder, or is fetched from a shelf; there it is given the version that its manifest now has if
    `is_renamed`.
    """

    kind: str
    name: str
    make: Callable[[Path], object]
    between: Callable[[Path], object] | None = None
    is_on_shelf: bool = False
    is_renamed: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of opening one: `refused` by an error of ours, or `opened`, `failed`, `crashed`; and what it took."""

    outcome: str
    said: str
    seconds: float
    megabytes: float
    trial_megabytes: float
    did: tuple[str, ...]


def use(
    folder: Path, public: Path, note: Callable[[str, Any], None], between: Callable[[Path], object] | None
) -> None:
    """Do all that serving and evaluation do with a run."""
    run = open_trusted(folder, trusted_keys([public]))
    if between is not None:
        between(folder)
    sys.addaudithook(note)
    loaded = load(run)
    assert run.metrics is not None
    assert loaded.tracer.vocabulary is not None
    assert run.intervals is not None
    load_model(run)


def judge(variant: Variant, folder: Path, public: Path, *, version: str) -> Verdict:
    """Open a made variant in a child process."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        try:
            os.write(writes, orjson.dumps(_opened(variant, folder, public, version)))
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        died = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {status}"
        return Verdict("crashed", died, math.nan, math.nan, math.nan, ())
    verdict = orjson.loads(said)
    return Verdict(**{**verdict, "did": tuple(verdict["did"])})


def _opened(variant: Variant, folder: Path, public: Path, version: str) -> dict[str, Any]:
    did: set[str] = set()
    if variant.is_renamed:
        digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        version = f"{version.rpartition('-')[0]}-{digest[:12]}"
        folder = folder.rename(folder.with_name(version))
    _limit()
    # From here on; what the parent took is not the run's doing.
    Path("/proc/self/clear_refs").write_text("5")
    before, started = _kilobytes("VmRSS"), time.perf_counter()

    def note(event: str, _: object) -> None:
        if event in FORBIDDEN:
            did.add(event)

    try:
        if variant.is_on_shelf:
            models = folder.parent / "models"
            models.mkdir()
            (models / ".fetching").mkdir()
            folder = fetch(
                place_of(f"file://{folder.parent}"), version, models, trusted=trusted_keys([public])
            )
        use(folder, public, note, variant.between)
        outcome, said = "opened", ""
    except KnowTraceError as error:
        outcome, said = "refused", f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001 - whatever comes of it is the finding
        outcome, said = "failed", f"{type(error).__name__}: {error}"
    return {
        "outcome": outcome,
        "said": said[:500],
        "seconds": time.perf_counter() - started,
        "megabytes": (_kilobytes("VmHWM") - before) / 1024,
        "trial_megabytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        "did": sorted(did),
    }


def _limit() -> None:
    taken = _kilobytes("VmSize") * 1024
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY, taken + MOST_MEMORY))
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + MOST_SECONDS, used + MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What waits for a pipe uses no processor time.
    signal.alarm(2 * MOST_SECONDS)


def _kilobytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(name)
