"""Can this process answer?"""

import asyncio

from knowtrace.errors import UnavailableError
from knowtrace.service.classroom import Classroom
from knowtrace.service.health.schemas import Ready

PATIENCE_SECONDS = 1.0


async def readiness(classroom: Classroom) -> Ready:
    """Ask every part.

    Raises:
        UnavailableError: one of them cannot answer, or the service is stopping.
    """
    if not classroom.intake.is_open:
        raise UnavailableError("The service is stopping and takes no more answers.")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await classroom.store.ping()
    except TimeoutError:
        raise UnavailableError(f"The database did not answer within {PATIENCE_SECONDS} s.") from None
    checks = {"model": "ok", "store": "ok", "intake": "ok"}
    return Ready(status="ready", model_version=classroom.lineup.champion.version, checks=checks)
