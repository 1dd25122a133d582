"""Answer by the model whose student it is; when it fails, by the next one down the ladder, and say so."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from knowtrace.errors import ModelError, UnavailableError
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.lineup import Loaded
from knowtrace.tracing.threads import TooSlowError, computing_within

Answer = TypeVar("Answer")

SHARE = 0.5
"""What a model may take for its computing of the time that is left: the rest is for those below it."""

MOST_SHADOWS = 8
"""Answers that a shadow may be behind; more are not computed at all."""

log: Any = structlog.get_logger("knowtrace.fallback")


async def answered(
    classroom: Classroom,
    caller: Caller | None,
    student_id: str | None,
    work: Callable[[Classroom], Awaitable[Answer]],
    *,
    version: str | None = None,
    compare: Callable[[Answer, Answer], float] | None = None,
) -> Answer:
    """Do `work` with the first model of the student's ladder that can; `work` must be safe to begin again.

    A model whose computing takes longer than its share of the time has failed: the one below it is asked.

    Where a history is sent for nobody in particular, the champion is first; with `version`, that model is. With
    `compare`, a shadow does the same afterwards, and how far its answer is off is measured.

    Raises:
        NotFoundError: the asked version is not loaded.
        UnavailableError: the answer took longer than the service may take.
    """
    lineup, metrics = classroom.lineup, classroom.metrics
    if version:
        first = lineup.get(version)
    elif caller is not None and student_id is not None:
        first = lineup.of_student(caller.tenant_id, student_id)
    else:
        first = lineup.champion
    try:
        ends_at = time.perf_counter() + classroom.settings.answer_within_seconds
        async with asyncio.timeout(classroom.settings.answer_within_seconds):
            for rung in lineup.ladder(first):
                if not rung.lets_through():
                    continue
                is_degraded = rung is not first
                room = classroom.with_model(rung, is_degraded=is_degraded)
                began = time.perf_counter()
                try:
                    with computing_within(SHARE * (ends_at - began)):
                        answer = await work(room)
                except TooSlowError as error:
                    rung.breaker.failed(time.perf_counter() - began)
                    metrics.model_failed(rung.version)
                    log.warning("model too slow", model_version=rung.version, error=str(error))
                    continue
                except ModelError as error:
                    rung.breaker.failed()
                    metrics.model_failed(rung.version)
                    log.warning("model failed", model_version=rung.version, exc_info=error)
                    continue
                rung.breaker.succeeded(time.perf_counter() - began)
                if is_degraded:
                    metrics.fell_back(rung.tracer.name)
                elif compare is not None and lineup.shadow is not None:
                    _shadow(classroom, lineup.shadow, work, answer, compare)
                return answer
    except TimeoutError:
        raise UnavailableError(
            f"No answer within {classroom.settings.answer_within_seconds:g} s: ask again in a moment."
        ) from None
    raise UnavailableError("No model can answer, not even the simplest: ask again in a moment.")


def _shadow(
    classroom: Classroom,
    shadow: Loaded,
    work: Callable[[Classroom], Awaitable[Answer]],
    answer: Answer,
    compare: Callable[[Answer, Answer], float],
) -> None:
    """Let the shadow do the same work in the background, unless it is far behind or resting."""
    if len(classroom.shadows) >= MOST_SHADOWS or not shadow.lets_through():
        classroom.metrics.shadow_left_out()
        return

    async def compute() -> None:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(classroom.settings.answer_within_seconds):
                other = await work(classroom.with_model(shadow, is_degraded=False))
            difference = compare(answer, other)
        except Exception as error:
            shadow.breaker.failed()
            classroom.metrics.model_failed(shadow.version)
            log.warning("shadow failed", model_version=shadow.version, exc_info=error)
            return
        shadow.breaker.succeeded(time.perf_counter() - began)
        classroom.metrics.shadow_compared(shadow.version, difference)

    task = asyncio.create_task(compute(), name="shadow")
    classroom.shadows.add(task)
    task.add_done_callback(classroom.shadows.discard)
