"""Which model plays which part in every process of one service."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.store.tables import model_roles


class ModelRole(StrEnum):
    """The champion answers; the previous one stands behind it. A canary answers a share of students in its place; a
    shadow computes beside it, for nobody to see.
    """

    CHAMPION = "champion"
    PREVIOUS = "previous"
    CANARY = "canary"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """One model in its part, with a share of students in (0, 1]."""

    version: str
    share: float
    changed_at: datetime
    changed_by: str


async def read_roles(connection: AsyncConnection) -> dict[ModelRole, Casting]:
    found = await connection.execute(sa.select(model_roles))
    return {
        ModelRole(row.role): Casting(
            version=row.version, share=row.share, changed_at=row.changed_at, changed_by=row.changed_by
        )
        for row in found
    }


async def write_roles(connection: AsyncConnection, roles: Mapping[ModelRole, Casting]) -> None:
    """Let these be the parts, all of them; a part that is not named is nobody's."""
    await connection.execute(sa.delete(model_roles))
    if roles:
        rows = [{"role": role.value, **asdict(casting)} for role, casting in roles.items()]
        await connection.execute(sa.insert(model_roles), rows)
