"""What was recommended to whom, from how many candidates, so that any decision can be looked into later."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.dialect import one_or_many
from knowtrace.store.tables import Row, recommendations


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """One list of recommendations. `propensity` is None where nothing was left to chance."""

    decision_id: str
    student_id: str
    skill: str
    created_at: datetime
    model_version: str
    recommendation_type: str
    items: list[dict[str, Any]]
    num_candidates: int
    propensity: float | None


APPEND = sa.insert(recommendations).inline()

COLUMNS = tuple(field.name for field in fields(StoredDecision))


class Decisions:
    """Reads and appends one tenant's decisions on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def append(self, decisions: Sequence[StoredDecision]) -> None:
        rows: list[Row] = [
            {"tenant_id": self._tenant_id, **{name: getattr(decision, name) for name in COLUMNS}}
            for decision in decisions
        ]
        if rows:
            await self._connection.execute(APPEND, one_or_many(rows))

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Delete some decisions of before a time; return how many."""
        c = recommendations.c
        old = sa.select(c.decision_id).where(c.tenant_id == self._tenant_id, c.created_at < before)
        some = sa.delete(recommendations).where(c.decision_id.in_(old.limit(limit)))
        return (await self._connection.execute(some)).rowcount

    async def newest(self, student_id: str, *, limit: int) -> list[StoredDecision]:
        c = recommendations.c
        found = await self._connection.execute(
            sa.select(*(column for column in c if column is not c.tenant_id))
            .where(c.tenant_id == self._tenant_id, c.student_id == student_id)
            .order_by(c.created_at.desc(), c.decision_id)
            .limit(limit)
        )
        return [StoredDecision(**row) for row in found.mappings()]
