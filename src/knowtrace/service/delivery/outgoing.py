"""Which messages are written, for whom: nothing at all where nobody asked for them."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from knowtrace.service.delivery.alerts import Alert
from knowtrace.service.delivery.kinds import ALERT, MASTERY, RECOMMENDATION
from knowtrace.store import Message, Session, Store, StoredDecision, Transaction
from knowtrace.tracing.outgoing import StudentChange

STREAM = "stream"
"""The destination that is no webhook: the Redis stream of the installation."""


class Mailroom:
    """Knows in memory who wants to hear of what, and writes their messages into open transactions.

    Alerts are told to `alerts_tenant`.
    """

    def __init__(self, store: Store, *, has_stream: bool, alerts_tenant: str) -> None:
        self._store = store
        self._has_stream = has_stream
        self._alerts_tenant = alerts_tenant
        self._webhooks: dict[str, dict[str, frozenset[str]]] = {}
        self.arrived = asyncio.Event()

    @property
    def has_destinations(self) -> bool:
        return self._has_stream or bool(self._webhooks)

    @property
    def wants_alerts(self) -> bool:
        return bool(self._destinations(self._alerts_tenant, ALERT))

    async def refresh(self) -> None:
        """Read who wants what; another process's new webhook is heard of by this."""
        self._webhooks = await self._store.subscriptions()

    def wants(self, tenant_id: str) -> bool:
        return self._has_stream or tenant_id in self._webhooks

    async def tell(self, session: Session, changes: Sequence[StudentChange], *, at: datetime) -> None:
        """Write one message a student about what a commit changed of them."""
        destinations = self._destinations(session.tenant_id, MASTERY)
        if not destinations:
            return
        messages = [
            Message(
                message_id=uuid.uuid4().hex, kind=MASTERY, student_id=change.student_id, body=_mastery(change)
            )
            for change in changes
        ]
        await session.outbox.append([(message, destinations) for message in messages], at=at)
        self.arrived.set()

    async def tell_decisions(
        self, session: Session, decisions: Sequence[StoredDecision], *, at: datetime
    ) -> None:
        """Write one message a decision about what a student was recommended."""
        destinations = self._destinations(session.tenant_id, RECOMMENDATION)
        if not destinations or not decisions:
            return
        messages = [
            Message(
                message_id=uuid.uuid4().hex,
                kind=RECOMMENDATION,
                student_id=decision.student_id,
                body=_recommendation(decision),
            )
            for decision in decisions
        ]
        await session.outbox.append([(message, destinations) for message in messages], at=at)
        self.arrived.set()

    async def tell_alert(self, transaction: Transaction, alert: Alert, *, at: datetime) -> None:
        """Write what is wrong with the service; the transaction has turned to the tenant of alerts afterwards."""
        destinations = self._destinations(self._alerts_tenant, ALERT)
        if not destinations:
            return
        session = await transaction.of(self._alerts_tenant)
        told = asdict(alert)
        body = {"alert": told.pop("name"), **told}
        message = Message(message_id=uuid.uuid4().hex, kind=ALERT, student_id="", body=body)
        await session.outbox.append([(message, destinations)], at=at)
        self.arrived.set()

    def _destinations(self, tenant_id: str, kind: str) -> list[str]:
        wanted = self._webhooks.get(tenant_id, {})
        hooks = [webhook_id for webhook_id, kinds in wanted.items() if kind in kinds]
        return [*hooks, *([STREAM] if self._has_stream else [])]


def _recommendation(decision: StoredDecision) -> dict[str, Any]:
    return {
        "student_id": decision.student_id,
        "decision_id": decision.decision_id,
        "skill": decision.skill,
        "recommendation_type": decision.recommendation_type,
        "recommendations": decision.items,
        "model_version": decision.model_version,
    }


def _mastery(change: StudentChange) -> dict[str, Any]:
    return {
        "student_id": change.student_id,
        "event_ids": change.event_ids,
        "is_revision": change.is_revision,
        "num_answers": change.num_answers,
        "mastery": [
            {
                "skill": mastery.skill_id,
                "mastery": mastery.estimate,
                "interval": [mastery.low, mastery.high],
                "interaction_count": mastery.evidence,
                "last_updated": mastery.last_answered_at,
                "state": mastery.state.value,
            }
            for mastery in change.masteries
        ],
        "model_version": change.model_version or None,
        "degraded": not change.model_version,
    }
