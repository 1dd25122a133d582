"""Runs: what training leaves behind and serving opens. Imports no torch."""

from knowtrace.registry.health import ailments
from knowtrace.registry.run import Run, run_files, seal_run, write_json, write_serving, write_vocabulary
from knowtrace.registry.steps import TIMES, StepGraphs

__all__ = [
    "TIMES",
    "Run",
    "StepGraphs",
    "ailments",
    "run_files",
    "seal_run",
    "write_json",
    "write_serving",
    "write_vocabulary",
]
