"""What is wrong with the service, in the words in which it is told. An alert names no student."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from knowtrace.store import Outcome, ScheduleRun

AlertName = Literal[
    "predicts_worse", "miscalibrated", "answers_drift", "degraded", "canary_withdrawn", "schedule_failed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that is wrong, or no longer: with which model, if with one, and the figures that say so."""

    name: AlertName
    summary: str
    state: Literal["firing", "resolved"] = "firing"
    model_version: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict[str, float])


def over(name: str, model_version: str) -> Alert:
    """Say that what was told to be wrong has not been seen for a while."""
    summary = "No process has seen this for an hour."
    # Nothing but names of alerts is noted as standing.
    return Alert(name=cast("AlertName", name), summary=summary, state="resolved", model_version=model_version)


def canary_withdrawn(version: str, harm: str) -> Alert:
    return Alert(name="canary_withdrawn", summary=f"The canary was withdrawn: {harm}.", model_version=version)


def schedule_failed(run: ScheduleRun, outcome: Outcome) -> Alert:
    """Say that a run will not be tried again; what its command printed stays out: it may name students."""
    return Alert(
        name="schedule_failed",
        summary=f"Schedule {run.schedule}, due {run.due_at:%Y-%m-%d %H:%M} UTC, ended as {outcome.value}. "
        "GET /api/v1/schedules says why.",
    )
