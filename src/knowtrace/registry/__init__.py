"""Runs: what training leaves behind and serving opens. Imports no torch."""

from knowtrace.registry.health import ailments
from knowtrace.registry.manifest import RECURRENCE
from knowtrace.registry.panels import Panels, choose_panels
from knowtrace.registry.plain import PlainRun
from knowtrace.registry.recurrent_steps import Recurrence, RecurrentSteps
from knowtrace.registry.run import (
    Run,
    run_files,
    seal_run,
    write_json,
    write_serving,
    write_vocabulary,
)
from knowtrace.registry.step_calls import Steps
from knowtrace.registry.steps import GRAPHS, TIMES, StepGraphs

__all__ = [
    "GRAPHS",
    "RECURRENCE",
    "TIMES",
    "Panels",
    "PlainRun",
    "Recurrence",
    "RecurrentSteps",
    "Run",
    "StepGraphs",
    "Steps",
    "ailments",
    "choose_panels",
    "run_files",
    "seal_run",
    "write_json",
    "write_serving",
    "write_vocabulary",
]
