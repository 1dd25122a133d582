"""How the service and the parts it rests on are."""

from datetime import datetime
from typing import Literal

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, get


class Dependency(Answer):
    """One part that answers rest on; `milliseconds` is how long it took to answer just now."""

    name: str
    status: Literal["ok", "away", "resting"]
    detail: str
    milliseconds: float | None


class Dependencies(Answer):
    """Every part, whether it answers or not."""

    status: Literal["ok", "impaired"]
    dependencies: list[Dependency]


class Stats(Answer):
    """How the process that answered has been doing since it started."""

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


def dependencies() -> Call[Dependencies]:
    return get("/api/v1/health/dependencies", Dependencies)


def stats() -> Call[Stats]:
    return get("/api/v1/stats", Stats)
