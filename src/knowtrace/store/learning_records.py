"""Statements and events of the standards by their ids, so that each counts once and none changes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.integration_tables import learning_records

Standard = Literal["xapi", "caliper"]

C = learning_records.c
OF_STANDARD = sa.and_(C.tenant_id == sa.bindparam("tenant"), C.standard == sa.bindparam("of_standard"))
KEPT = [column for column in C if column not in (C.tenant_id, C.standard)]
BY_ID = sa.select(*KEPT).where(OF_STANDARD, C.record_id.in_(sa.bindparam("ids", expanding=True)))
BY_ABOUT = (
    sa.select(*KEPT)
    .where(OF_STANDARD, C.about_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(C.stored_at, C.record_id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRecord:
    """One statement or event. `hash` is of its content; `about_id` names the statement it voids or its attempt."""

    record_id: str
    hash: str
    kind: str
    student_id: str | None
    about_id: str | None
    body: dict[str, Any] | None
    stored_at: datetime


class LearningRecords:
    """Reads and appends one tenant's records on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def known(self, standard: Standard, record_ids: Collection[str]) -> dict[str, LearningRecord]:
        """Return those records that are stored, by id."""
        found = await self._read(BY_ID, standard, record_ids)
        return {record.record_id: record for record in found}

    async def about(self, standard: Standard, about_ids: Collection[str]) -> list[LearningRecord]:
        """Return the records about these statements or attempts, the first stored one first."""
        return await self._read(BY_ABOUT, standard, about_ids)

    async def append(self, standard: Standard, records: Sequence[LearningRecord]) -> None:
        if records:
            rows = [
                {
                    "tenant_id": self._tenant_id,
                    "standard": standard,
                    **{field.name: getattr(record, field.name) for field in fields(record)},
                }
                for record in records
            ]
            await self._connection.execute(sa.insert(learning_records), rows)

    async def _read(
        self, statement: sa.Select[tuple[object, ...]], standard: Standard, ids: Collection[str]
    ) -> list[LearningRecord]:
        if not ids:
            return []
        found = await self._connection.execute(
            statement, {"tenant": self._tenant_id, "of_standard": standard, "ids": list(ids)}
        )
        return [LearningRecord(**row) for row in found.mappings()]
