"""Whether the model answers right now, found out in bounded time."""

import asyncio
import logging
import math
from concurrent.futures import Future
from threading import Thread

from knowtrace.errors import UnavailableError
from knowtrace.tracing import Tracer

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
"""SageMaker gives a ping 2 s; the rest is for the way."""


class Pulse:
    """Asks the model one thing at a time, in a thread of its own: requests that keep the others busy do not delay it.

    A model that hangs keeps that one thread, however often it is asked after.
    """

    def __init__(self) -> None:
        self._tracer: Tracer | None = None
        self._probe: Future[str | None] = Future()

    async def feel(self, tracer: Tracer) -> None:
        """Return once the model has predicted.

        Raises:
            UnavailableError: it failed, gave no probability, or did not answer in time.
        """
        if tracer is not self._tracer or self._probe.done():
            self._tracer, self._probe = tracer, _start(tracer)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Shielded: several wait for one probe, and whoever gives up must not end it for the others.
                ailment = await asyncio.shield(asyncio.wrap_future(self._probe))
        except TimeoutError:
            ailment = f"The model did not answer within {PATIENCE_SECONDS} s."
        if ailment:
            raise UnavailableError(ailment)


def _start(tracer: Tracer) -> Future[str | None]:
    probe: Future[str | None] = Future()
    Thread(target=lambda: probe.set_result(_ailment(tracer)), name="pulse", daemon=True).start()
    return probe


def _ailment(tracer: Tracer) -> str | None:
    """Predict one item for a student of whom nothing is known, and return what is wrong with the answer."""
    item_id = tracer.vocabulary.items[0].item_id if tracer.vocabulary.items else ""
    try:
        success = float(tracer.expected_success(tracer.start(), [(item_id, ())])[0])
    except Exception as error:
        # Whatever the model does is what a ping asks after; the text may hold anything, so only the log has it.
        logger.exception("The model could not predict")
        return f"The model fails: {type(error).__name__}."
    is_probability = math.isfinite(success) and 0 <= success <= 1
    return None if is_probability else f"The model gives no probability: {success}."
