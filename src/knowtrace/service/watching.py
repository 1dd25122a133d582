"""Decide what is wrong with the service, by the thresholds of deploy/monitoring/alerts.yml, and tell it once."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from knowtrace.errors import KnowTraceError
from knowtrace.service.delivery.alerts import Alert, AlertName, over
from knowtrace.service.delivery.outgoing import Mailroom
from knowtrace.service.lineup import Lineup
from knowtrace.service.metrics import Metrics
from knowtrace.store import StandingAlert, Store

Figures = Mapping[str, float]
"""Live quality and drift by the names of their metrics; NaN where too few answers have come."""

QUIET = timedelta(hours=1)
"""What nobody has seen for so long is over, which is told; when it comes again, it is told again."""

log: Any = structlog.get_logger("knowtrace.watching")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that figures say, once they have said so for `holds_for`."""

    name: AlertName
    holds_for: timedelta
    is_broken: Callable[[Figures], bool]
    names: tuple[str, ...]
    summary: str


RULES = (
    Rule(
        name="predicts_worse",
        holds_for=timedelta(hours=1),
        is_broken=lambda f: f["knowtrace_live_auc"] < 0.65 and f["knowtrace_live_scored_answers"] >= 1000,
        names=("knowtrace_live_auc", "knowtrace_live_scored_answers"),
        summary="The AUC of live predictions is below 0.65.",
    ),
    Rule(
        name="miscalibrated",
        holds_for=timedelta(hours=1),
        is_broken=lambda f: (
            f["knowtrace_live_calibration_error"] > 0.1 and f["knowtrace_live_scored_answers"] >= 1000
        ),
        names=("knowtrace_live_calibration_error", "knowtrace_live_scored_answers"),
        summary="Live predictions are off by more than 0.1 on average.",
    ),
    Rule(
        name="answers_drift",
        holds_for=timedelta(hours=6),
        is_broken=lambda f: (
            f["knowtrace_drift_mix_shift"] > 0.25
            or abs(f["knowtrace_drift_score_shift"]) > 0.1
            or f["knowtrace_drift_unseen_share"] > 0.2
        ),
        names=("knowtrace_drift_mix_shift", "knowtrace_drift_score_shift", "knowtrace_drift_unseen_share"),
        summary="What is answered now differs from what the model was trained on.",
    ),
)


class Watch:
    """Looks at one process' figures. What several processes see is told by the first of them."""

    def __init__(self, store: Store, mailroom: Mailroom, lineup: Lineup, metrics: Metrics) -> None:
        self._store = store
        self._mailroom = mailroom
        self._lineup = lineup
        self._metrics = metrics
        self._since: dict[str, datetime] = {}
        self._fallbacks_seen = 0

    async def look(self, now: datetime) -> None:
        """Tell what is wrong and was not before, and what was and is over; count what waits to be delivered.

        Raises:
            UnavailableError: the database cannot be reached; the next look tells it.
        """
        fallbacks = self._metrics.num_fallbacks
        wrong = [*self._broken_rules(now), *self._degraded(fallbacks - self._fallbacks_seen)]
        if self._mailroom.wants_alerts and (wrong or await self._store.has_quiet_alerts(now - QUIET)):
            version = self._lineup.champion.version
            async with self._store.transaction() as transaction:
                for ended in await transaction.alerts.end_quiet(now - QUIET):
                    await self._mailroom.tell_alert(transaction, over(*ended), at=now)
                for alert in wrong:
                    if await transaction.alerts.note(StandingAlert(alert.name, version), now=now):
                        await self._mailroom.tell_alert(transaction, alert, at=now)
        self._fallbacks_seen = fallbacks
        self._metrics.lanes_seen(await self._store.lanes_waiting())

    def _broken_rules(self, now: datetime) -> Iterator[Alert]:
        figures = self._metrics.figures()
        for rule in RULES:
            if not rule.is_broken(figures):
                self._since.pop(rule.name, None)
            elif now - self._since.setdefault(rule.name, now) >= rule.holds_for:
                yield Alert(
                    name=rule.name,
                    summary=rule.summary,
                    model_version=self._lineup.champion.version,
                    figures={name: figures[name] for name in rule.names if not math.isnan(figures[name])},
                )

    def _degraded(self, num_fallbacks: int) -> Iterator[Alert]:
        if num_fallbacks:
            yield Alert(
                name="degraded",
                summary="A model failed: answers come from the next one down the ladder.",
                model_version=self._lineup.champion.version,
                figures={"knowtrace_fallbacks_total": num_fallbacks},
            )


@asynccontextmanager
async def watching(watch: Watch, *, every: float) -> AsyncGenerator[None]:
    """Look every so many seconds."""

    async def go_on() -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await watch.look(datetime.now(UTC))
            except KnowTraceError as error:
                log.warning("alerts cannot be told", error=error.for_operators)
            except Exception:
                log.exception("alerts cannot be told")

    task = asyncio.create_task(go_on(), name="watch")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
