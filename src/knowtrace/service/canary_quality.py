"""Whether a canary foretells answers worse than the champion: both are scored on the same answers of its students.

Prequential (Dawid, 1984): each model is asked about an answer with what the student had answered before, and nothing
else. It costs no answer anything: it is done afterwards, beside the writer, with a tenth of one core at most.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import structlog

from knowtrace.domain import Interaction, metrics
from knowtrace.errors import KnowTraceError
from knowtrace.service.lineup import Lineup
from knowtrace.store import Casting, ModelRole, Store
from knowtrace.tracing import Tracer
from knowtrace.tracing.answers import Event, Outcome
from knowtrace.tracing.committed import Committed
from knowtrace.tracing.threads import computing_within

MARGIN = 0.005
"""Of the Brier score: as much worse as this a canary may be."""

FALSE_ALARMS = 0.01
"""How probable it is at most that a process ever withdraws a canary that is not worse by more than the margin."""

STAKES = (0.05, 0.1, 0.2, 0.4, 0.8)

MOST_WAITING = 64
"""Answers that are to be scored; what comes while so many wait is not. Who is left out does not hang on the answer."""

MOST_BEFORE = 500
"""Answers that are replayed to foretell one: a student's answers after so many are left out."""

REST = 9.0
"""Times as long as it took to score an answer, nothing is done."""

PATIENCE_SECONDS = 10.0

log: Any = structlog.get_logger("knowtrace.models")


class Wager:
    """Evidence that differences in [-1, 1] are larger than MARGIN, which may be looked at after each of them.

    A fifth of a fortune of 1 bets each of STAKES of what it has by then on the next difference. While the expected
    difference, given all before it, is MARGIN or less, the fortune is a supermartingale: that it ever grows to
    1 / FALSE_ALARMS has a probability of FALSE_ALARMS at most, however often one looks (Ville, 1939; Waudby-Smith and
    Ramdas, 2024). In simulations a canary whose probabilities are off by 0.2, worse by 0.04, is found after 320 answers
    (median), one off by 0.15 after 690; none of 200 that are worse by just the margin within 5,000.
    """

    def __init__(self) -> None:
        self._fortunes = [1.0 / len(STAKES)] * len(STAKES)
        self.num_scored = 0
        self._sum = 0.0

    def take(self, difference: float) -> None:
        self._fortunes = [
            fortune * (1.0 + stake * (difference - MARGIN))
            for fortune, stake in zip(self._fortunes, STAKES, strict=True)
        ]
        self.num_scored += 1
        self._sum += difference

    @property
    def is_won(self) -> bool:
        return sum(self._fortunes) >= 1.0 / FALSE_ALARMS

    @property
    def mean(self) -> float:
        return self._sum / self.num_scored


class CanaryQuality:
    """The wager on the canary of one process; begins anew with each canary, share and champion."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(MOST_WAITING)
        self._about: tuple[Casting | None, str] | None = None
        self.wager = Wager()

    def hear(self, committed: Committed, lineup: Lineup) -> None:
        """Let answers of the canary's students wait to be scored, now that they are stored."""
        canary = lineup.canary
        if canary is None:
            return
        for event, result in zip(committed.events, committed.results, strict=True):
            if self._waiting.full():
                return
            of = lineup.of_student(event.tenant_id, event.interaction.student_id)
            if of is canary and result.outcome is Outcome.ACCEPTED:
                self._waiting.put_nowait(event)

    def harm(self, lineup: Lineup) -> str | None:
        """Return why the canary of these parts must go, or None."""
        if self._about != _parts(lineup) or lineup.canary is None or not self.wager.is_won:
            return None
        return (
            f"{lineup.canary.version} foretells {self.wager.num_scored} answers of its students worse than the "
            f"champion: their Brier score is higher by {self.wager.mean:.3f}"
        )

    @asynccontextmanager
    async def scoring(self, lineup: Lineup, store: Store) -> AsyncGenerator[None]:
        """Score one waiting answer after the other."""
        task = asyncio.create_task(self._go_on(lineup, store), name="canary quality")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _go_on(self, lineup: Lineup, store: Store) -> None:
        while True:
            event = await self._waiting.get()
            began = time.perf_counter()
            try:
                await self._score(event, lineup, store)
            except KnowTraceError as error:
                # A model that fails is counted where it answers; one answer less is scored.
                log.warning("canary not scored", error=error.for_operators)
            except Exception:
                log.exception("canary not scored")
            await asyncio.sleep(REST * (time.perf_counter() - began))

    async def _score(self, event: Event, lineup: Lineup, store: Store) -> None:
        parts, canary, champion = _parts(lineup), lineup.canary, lineup.champion
        if canary is None:
            return
        async with store.reading(event.tenant_id) as session:
            answer = await session.events.find(event.event_id)
            if answer is None or answer.withdrawn_at is not None:
                return
            before = await session.events.newest(
                answer.interaction.student_id, limit=MOST_BEFORE + 1, before=answer.place
            )
        if len(before) > MOST_BEFORE:
            return
        # What came later than the answer foretells nothing, though it was given before.
        known = [earlier.interaction for earlier in reversed(before) if earlier.position < answer.position]
        its, usual = [await _brier(model.tracer, known, answer.interaction) for model in (canary, champion)]
        if parts != _parts(lineup):
            return
        if parts != self._about:
            self._about, self.wager = parts, Wager()
        self.wager.take(its - usual)


def _parts(lineup: Lineup) -> tuple[Casting | None, str]:
    return lineup.roles.get(ModelRole.CANARY), lineup.champion.version


async def _brier(tracer: Tracer, before: Sequence[Interaction], answer: Interaction) -> float:
    with computing_within(PATIENCE_SECONDS):
        foretold = await tracer.threads.run(foretell, tracer, before, answer)
    return metrics.brier(foretold[np.newaxis], np.array([answer.response]))


def foretell(tracer: Tracer, before: Sequence[Interaction], answer: Interaction) -> metrics.Floats:
    """Return what a model says of an answer's response, (K,), to whom the answers before it were given."""
    question = (answer.item_id, answer.skill_ids)
    foretold = tracer.probabilities(tracer.replay(before), [question], at=answer.answered_at)[0]
    return foretold.astype(np.float64)
