"""Decisions made durable in the writer's own transactions: who decides at the same time shares one flush to disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from knowtrace.store import Session, StoredDecision, Transaction
from knowtrace.tracing.outgoing import Outgoing

ERASED = "A student was erased while this was computed, perhaps this one. Nothing was stored; ask again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be kept of a decision; `as_of` is what `Session.erased_at` said before the student was read."""

    tenant_id: str
    decision: StoredDecision
    as_of: int


async def keep_choices(
    transaction: Transaction, choices: Sequence[Choice], outgoing: Outgoing | None, *, at: datetime
) -> set[str]:
    """Store decisions, but none about a student who was erased since: that would bring them back.

    Returns the ids of those that are stored.
    """
    kept: set[str] = set()
    for tenant_id in dict.fromkeys(choice.tenant_id for choice in choices):
        session = await transaction.of(tenant_id)
        mine = [choice for choice in choices if choice.tenant_id == tenant_id]
        decisions = await _of_those_who_stay(session, mine, transaction.erased_at)
        await session.decisions.append(decisions)
        if outgoing is not None and outgoing.wants(tenant_id):
            await outgoing.tell_decisions(session, decisions, at=at)
        kept.update(decision.decision_id for decision in decisions)
    return kept


async def _of_those_who_stay(
    session: Session, choices: Sequence[Choice], erased_at: int
) -> list[StoredDecision]:
    doubtful = {choice.decision.student_id for choice in choices if choice.as_of != erased_at}
    stored = await session.students.load(doubtful) if doubtful else {}
    return [
        choice.decision
        for choice in choices
        if choice.as_of == erased_at
        or (
            (student := stored.get(choice.decision.student_id)) is not None
            and student.rewritten_at <= choice.as_of
        )
    ]
