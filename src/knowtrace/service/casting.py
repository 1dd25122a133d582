"""Give models their parts, and follow what other processes of the service have given: every process in seconds."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import structlog

from knowtrace.errors import ConflictError, KnowTraceError
from knowtrace.service.breaker import FAILURES
from knowtrace.service.canary_quality import CanaryQuality
from knowtrace.service.delivery.alerts import canary_withdrawn
from knowtrace.service.delivery.outgoing import Mailroom
from knowtrace.service.lineup import Lineup, Loaded
from knowtrace.service.metrics import Metrics
from knowtrace.store import Casting, ModelRole, Store, Transaction
from knowtrace.tracing.intake import Intake

SLOWER = 2.0
SLOWER_BY_SECONDS = 0.005
"""A canary is withdrawn when its median answer takes more than twice the champion's and 5 ms more."""

log: Any = structlog.get_logger("knowtrace.models")


async def cast(
    lineup: Lineup, intake: Intake, roles: Mapping[ModelRole, Casting], *, untried: Collection[str] = ()
) -> None:
    """Load the models that are to play a part, let the writer compute with the champion, then let them answer.

    Those `untried` stand a trial before they are loaded. What is stored has stood its own: a version is the hash of it.

    Raises:
        NotFoundError: a version lies nowhere.
        RunError: one cannot be served.
        ConflictError: the champion has other response categories than the stored answers.
    """
    models: list[Loaded] = [
        await asyncio.to_thread(lineup.open, casting.version, on_trial=casting.version in untried)
        for casting in roles.values()
    ]
    before = lineup.champion
    named = roles.get(ModelRole.CHAMPION)
    after = lineup.first if named is None else next(m for m in models if m.version == named.version)
    if after is not before:
        await intake.switch(after.tracer)
    lineup.take(models, roles)


@asynccontextmanager
async def recasting(
    store: Store, before: Mapping[ModelRole, Casting], after: Mapping[ModelRole, Casting]
) -> AsyncGenerator[Transaction]:
    """Store parts that were worked out from those `before`, in a transaction that the caller may add to.

    Raises:
        ConflictError: another process has stored other parts since.
    """
    async with store.transaction() as transaction:
        if await transaction.roles() != before:
            raise ConflictError(
                "Another request changed the parts of models just now: GET /api/v1/models says who plays which, and "
                "this one may be sent again."
            )
        await transaction.cast(after)
        yield transaction


@asynccontextmanager
async def following_roles(
    lineup: Lineup,
    store: Store,
    intake: Intake,
    metrics: Metrics,
    mailroom: Mailroom,
    quality: CanaryQuality,
    *,
    every: float,
) -> AsyncGenerator[None]:
    """Take over the parts that are stored, now and every so many seconds; withdraw a canary that does harm."""
    await _follow(lineup, store, intake, metrics, mailroom, quality)

    async def go_on() -> None:
        while True:
            await asyncio.sleep(every)
            await _follow(lineup, store, intake, metrics, mailroom, quality)

    task = asyncio.create_task(go_on(), name="model roles")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(
    lineup: Lineup, store: Store, intake: Intake, metrics: Metrics, mailroom: Mailroom, quality: CanaryQuality
) -> None:
    try:
        async with lineup.change:
            stored = await store.roles()
            if stored != lineup.roles:
                await cast(lineup, intake, stored)
            harm = harm_of_canary(lineup) or quality.harm(lineup)
            if harm is not None:
                await _withdraw_canary(lineup, store, intake, mailroom, harm)
                metrics.rolled_back()
                log.error("canary withdrawn", reason=harm)
    except KnowTraceError as error:
        # Whoever answers now goes on answering; a database that is away is said by readiness.
        log.warning("parts of models cannot be followed", error=error.for_operators)
    except Exception:
        log.exception("parts of models cannot be followed")


def harm_of_canary(lineup: Lineup) -> str | None:
    """Return why the canary must go, whatever it says, or None."""
    casting = lineup.roles.get(ModelRole.CANARY)
    if casting is None:
        return None
    canary, champion = lineup.get(casting.version), lineup.champion
    if canary.breaker.num_failures >= FAILURES:
        return f"{casting.version} failed {canary.breaker.num_failures} times"
    if canary.tracer.threads.are_stuck:
        return f"{casting.version} hangs: threads compute with it though nobody waits for them any more"
    its, usual = canary.breaker.median_seconds(), champion.breaker.median_seconds()
    if its is not None and usual is not None and its > SLOWER * usual and its > usual + SLOWER_BY_SECONDS:
        return f"{casting.version} takes {its * 1e3:.1f} ms, the champion {usual * 1e3:.1f} ms"
    return None


async def _withdraw_canary(
    lineup: Lineup, store: Store, intake: Intake, mailroom: Mailroom, harm: str
) -> None:
    before = lineup.roles
    after = {role: casting for role, casting in before.items() if role is not ModelRole.CANARY}
    async with recasting(store, before, after) as transaction:
        alert = canary_withdrawn(before[ModelRole.CANARY].version, harm)
        await mailroom.tell_alert(transaction, alert, at=datetime.now(UTC))
    await cast(lineup, intake, after)
