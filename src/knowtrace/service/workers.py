"""The workers of this process: what they compute with, and whom they give way to."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from knowtrace.jobs import Crew, Leases, Messenger, Worker
from knowtrace.service.batch.service import PREDICTIONS, allowed_callbacks, compute
from knowtrace.service.classroom import Classroom


@asynccontextmanager
async def working(classroom: Classroom) -> AsyncGenerator[Crew]:
    """Work on jobs, of whatever process they were given to; on the way out the parts in hand are finished."""
    settings, store = classroom.settings, classroom.store
    leases = Leases(store=store, seconds=settings.job_lease_seconds, now=lambda: datetime.now(UTC))
    kinds = {PREDICTIONS: partial(compute, classroom)}
    turns = [Worker(store, leases, kinds, classroom.metrics).take_turn for _ in range(settings.job_workers)]
    if settings.job_workers and settings.callback_key is not None:
        key = settings.callback_key.get_secret_value().encode()
        turns.append(Messenger(store, leases, allowed_callbacks(settings), key).take_turn)
    async with Crew(
        turns,
        poll_seconds=settings.job_poll_seconds,
        drain=classroom.drain,
        wake=classroom.work_waits,
        is_busy=lambda: classroom.intake.num_waiting > 0,
    ) as crew:
        yield crew
