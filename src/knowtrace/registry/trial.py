"""A run that comes from elsewhere is first opened in a process of its own, with so much memory and time and no more.

What is said of a graph before it is opened bounds what it carries, not what it makes of that: a product of two columns
may be larger than any machine. Here that costs a process, and the one that serves goes on.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from knowtrace.errors import KnowTraceError, RunError
from knowtrace.registry.health import ailments
from knowtrace.registry.run import Run
from knowtrace.registry.step_calls import Steps
from knowtrace.registry.steps import StepGraphs

MEMORY_BYTES = 2**30
"""What a step may need beyond several times what the run's files have."""

TAKEN_BYTES = 2**29
"""What an interpreter and its libraries take before any run is opened; 150 MB were measured."""

TIMES_THE_FILES = 6
PATIENCE_SECONDS = 60
ANSWERS = 20
MOST_SAID = 500


def try_out(folder: Path) -> None:
    """Open a verified run of a folder in a process of its own, and let a student of chance answer there.

    Raises:
        RunError: it cannot be opened, gives what no model may give, or takes more memory or time than a run may.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module; the folder is an argument
            [sys.executable, "-m", "knowtrace.registry.trial", str(folder)],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"The run at {folder.name} takes more than {PATIENCE_SECONDS} s to open and try. Do not serve it."
        ) from None
    if done.returncode != 0:
        said = done.stderr.strip()[-MOST_SAID:] or f"its process ended with {done.returncode}"
        raise RunError(f"The run at {folder.name} does not stand its trial: {said}")


def main(folder: Path) -> None:
    """Try a run out in this process.

    Raises:
        KnowTraceError: it cannot be opened, or is not healthy.
    """
    run = Run.open(folder)
    _limit(sum(sealed.size for sealed in run.manifest.files.values()))
    assert run.metrics is not None
    assert run.intervals is not None
    wrong: dict[str, None] = {}
    for steps in (run.steps(), StepGraphs(folder, run.read)):
        found = ailments(steps, run.initial_state, run.vocabulary, answers=ANSWERS)
        wrong |= dict.fromkeys(found or _of_panels(steps, run))
    if wrong:
        raise RunError(" ".join(wrong))


def _of_panels(steps: Steps, run: Run) -> list[str]:
    """Return whether the steps that take the run's panels give the same as those that take any items."""
    panels = run.panels
    if not len(panels.items):
        return []
    answered = (run.initial_state, int(panels.items[0]), panels.skills[0].tolist(), 0)
    after, asked = steps.answer(*answered, asked=panels)
    same = np.allclose(after, steps.observe(*answered), atol=1e-3)
    same = same and np.allclose(asked, steps.predict(after, panels.items, panels.skills), atol=1e-3)
    same = same and np.allclose(steps.mastery(after), asked, atol=1e-3)
    return [] if same else ["Its graphs do not agree with one another."]


def _limit(size: int) -> None:
    try:
        import resource  # noqa: PLC0415 - not on every system; time is limited everywhere
    except ModuleNotFoundError:
        return
    most = TAKEN_BYTES + MEMORY_BYTES + TIMES_THE_FILES * size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    seconds = int(time.process_time()) + PATIENCE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except KnowTraceError as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(1)
