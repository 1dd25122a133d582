"""Can this process answer?"""

import asyncio
import math
import time
from datetime import UTC, datetime

from knowtrace.errors import UnavailableError
from knowtrace.service.classroom import Classroom
from knowtrace.service.health.schemas import Dependencies, Dependency, Ready, Stats
from knowtrace.service.lineup import Loaded
from knowtrace.service.state_cache import RedisStates

PATIENCE_SECONDS = 1.0


async def readiness(classroom: Classroom) -> Ready:
    """Ask every part.

    Raises:
        UnavailableError: one of them cannot answer, or the service is stopping.
    """
    if classroom.door.is_closing or not classroom.intake.is_open:
        raise UnavailableError("The service is stopping: ask another.")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await classroom.store.ping()
    except TimeoutError:
        raise UnavailableError(f"The database did not answer within {PATIENCE_SECONDS} s.") from None
    checks = {"model": "ok", "store": "ok", "intake": "ok"}
    return Ready(status="ready", model_version=classroom.lineup.champion.version, checks=checks)


async def dependencies(classroom: Classroom) -> Dependencies:
    """Ask every part on its own; one that is away does not keep the others from being asked."""
    found = [
        await _store(classroom),
        _intake(classroom),
        *_state_cache(classroom.states),
        *(_model(model) for model in classroom.lineup.loaded),
    ]
    is_well = all(part.status == "ok" for part in found)
    return Dependencies(status="ok" if is_well else "impaired", dependencies=found)


async def _store(classroom: Classroom) -> Dependency:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await classroom.store.ping()
    except TimeoutError:
        return Dependency(
            name="store", status="away", detail=f"no answer within {PATIENCE_SECONDS} s", milliseconds=None
        )
    except UnavailableError:
        # What the driver says may name hosts; the log has it.
        return Dependency(name="store", status="away", detail="it cannot be reached", milliseconds=None)
    taken = round((time.perf_counter() - began) * 1e3, 3)
    return Dependency(name="store", status="ok", detail="it answers", milliseconds=taken)


def _intake(classroom: Classroom) -> Dependency:
    intake = classroom.intake
    return Dependency(
        name="intake",
        status="ok" if intake.is_open else "away",
        detail=f"{intake.num_waiting} answers wait",
        milliseconds=None,
    )


def _state_cache(states: RedisStates | None) -> list[Dependency]:
    if states is None:
        return []
    status, detail = ("resting", "left alone for a while") if states.is_resting else ("ok", "it is used")
    return [Dependency(name="state cache", status=status, detail=detail, milliseconds=None)]


def _model(model: Loaded) -> Dependency:
    median = model.breaker.median_seconds()
    return Dependency(
        name=f"model {model.version}",
        status="resting" if model.is_resting else "ok",
        detail=f"{model.breaker.num_failures} failures",
        milliseconds=None if median is None else round(median * 1e3, 3),
    )


def stats(classroom: Classroom) -> Stats:
    now = datetime.now(UTC)
    quality = classroom.quality
    return Stats(
        started_at=classroom.started_at,
        uptime_seconds=(now - classroom.started_at).total_seconds(),
        requests=classroom.metrics.num_requests,
        answers_accepted=classroom.metrics.num_accepted,
        answers_waiting=classroom.intake.num_waiting,
        streams=classroom.broker.num_subscribers,
        models_loaded=len(classroom.lineup.loaded),
        model_version=classroom.lineup.champion.version,
        live_auc=_or_none(quality.auc()),
        live_calibration_error=_or_none(quality.calibration_error()),
        live_scored_answers=quality.num_scored,
    )


def _or_none(figure: float) -> float | None:
    return None if math.isnan(figure) else figure
