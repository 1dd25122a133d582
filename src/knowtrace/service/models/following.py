"""Activate what an alias stands for, whenever somebody has let it stand for another run."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from knowtrace.errors import KnowTraceError
from knowtrace.registry.aliases import Named
from knowtrace.service.classroom import Classroom
from knowtrace.service.fetching import resolve
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.models.service import activate_named

FOLLOWER = Caller("default", "alias", Role.OPERATOR)

log: Any = structlog.get_logger("knowtrace.models")


@asynccontextmanager
async def following_alias(classroom: Classroom) -> AsyncGenerator[None]:
    """Look every so many seconds what `follow_model` stands for, where that is set.

    What it stood for at the start is not activated: who rolled back a model by hand would find it back after a
    restart.
    """
    reference = classroom.settings.follow_model
    if reference is None:
        yield
        return
    task = asyncio.create_task(_follow(classroom, reference), name="model alias")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(classroom: Classroom, reference: str) -> None:
    seen: Named | None = None
    while True:
        try:
            named = await asyncio.to_thread(resolve, classroom.settings, reference)
            if seen is not None and named != seen:
                model = await activate_named(
                    classroom, FOLLOWER, named, f"alias-{named.manifest_sha256[:12]}"
                )
                log.info("alias followed", alias=reference, version=model.version)
            seen = named
        except KnowTraceError as error:
            # Whoever answers goes on answering; it is tried again.
            log.warning("alias cannot be followed", alias=reference, error=str(error))
        except Exception:
            log.exception("alias cannot be followed", alias=reference)
        await asyncio.sleep(classroom.settings.follow_model_seconds)
