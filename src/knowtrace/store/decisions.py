"""What was recommended to whom, from how many candidates, so that any decision can be looked into later."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.tables import recommendations


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


class Decisions:
    """Reads and appends decisions on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def append(self, decision: StoredDecision) -> None:
        await self._connection.execute(
            sa.insert(recommendations),
            {name: getattr(decision, name) for name in recommendations.columns.keys()},  # noqa: SIM118
        )

    async def newest(self, student_id: str, *, limit: int) -> list[StoredDecision]:
        c = recommendations.c
        found = await self._connection.execute(
            sa.select(recommendations)
            .where(c.student_id == student_id)
            .order_by(c.created_at.desc(), c.decision_id)
            .limit(limit)
        )
        return [StoredDecision(**row) for row in found.mappings()]
