"""What probes are told."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Every part that an answer needs is there."""

    status: Literal["ready"]
    model_version: str
    checks: dict[str, str]


class Dependency(BaseModel):
    """One part that answers rest on; `milliseconds` is how long it took to answer just now."""

    name: str
    status: Literal["ok", "away", "resting"]
    detail: str
    milliseconds: float | None


class Dependencies(BaseModel):
    """Every part, whether it answers or not: for people and dashboards, never for probes that restart."""

    status: Literal["ok", "impaired"]
    dependencies: list[Dependency]


class Stats(BaseModel):
    """How this process has been doing since it started."""

    started_at: datetime
    uptime_seconds: float
    requests: int
    answers_accepted: int
    answers_waiting: int
    streams: int
    models_loaded: int
    model_version: str
    live_auc: float | None
    live_calibration_error: float | None
    live_scored_answers: int
