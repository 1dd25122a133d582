"""How hard the champion's items are, for whoever reads the database: one row an item."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.tables import item_parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """One item as training knew it: `mean_score` in [0, 1], `difficulty` in logits, None without answers.

    `discrimination` (positive) and `guessing` (in [0, 1)) are None where the model has no curve for each item; where it
    has, `difficulty` is that curve's too, on the model's own scale of ability.
    """

    item_id: str
    skill_id: str | None
    num_answers: int
    mean_score: float | None
    difficulty: float | None
    discrimination: float | None
    guessing: float | None
    model_version: str
    last_updated: datetime


class ItemParameters:
    """Writes the table on a connection that writes; commits nothing itself."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def replace(self, items: Sequence[StoredItem]) -> None:
        """Let these be the items, all of them: a reader sees those of one model."""
        await self._connection.execute(sa.delete(item_parameters))
        if items:
            await self._connection.execute(sa.insert(item_parameters), [asdict(item) for item in items])
