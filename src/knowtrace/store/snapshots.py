"""How a student stood after some of the answers, kept so that a late or corrected one costs no whole replay."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.domain import Mastery, MasteryState
from knowtrace.store.dialect import upsert
from knowtrace.store.events import Place
from knowtrace.store.tables import student_snapshots

c = student_snapshots.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One student right after the answer at `place`, as one model saw it.

    `masteries` is the mastery of each practised skill as of the last answer that touched it; `mastered` names the
    skills that were ever mastered.
    """

    student_id: str
    model_version: str
    place: Place
    vector: NDArray[np.float32]
    num_answers: int
    masteries: tuple[Mastery, ...]
    mastered: frozenset[str]


class Snapshots:
    """Reads and writes one tenant's snapshots on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def save(self, snapshots: list[Snapshot]) -> None:
        await upsert(
            self._connection,
            student_snapshots,
            [
                {
                    "tenant_id": self._tenant_id,
                    "student_id": snapshot.student_id,
                    "model_version": snapshot.model_version,
                    "answered_at": snapshot.place[0],
                    "position": snapshot.place[1],
                    "vector": np.ascontiguousarray(snapshot.vector, dtype="<f4").tobytes(),
                    "num_answers": snapshot.num_answers,
                    "skills": [
                        {**mastery._asdict(), "was_mastered": mastery.skill_id in snapshot.mastered}
                        for mastery in snapshot.masteries
                    ],
                }
                for snapshot in snapshots
            ],
        )

    async def newest(
        self, student_id: str, model_version: str, *, most_answers: int | None = None
    ) -> Snapshot | None:
        """Return the last snapshot of a student by one model, or the last after at most so many answers."""
        mine = self._of(sa.select(student_snapshots), student_id).where(c.model_version == model_version)
        if most_answers is not None:
            mine = mine.where(c.num_answers <= most_answers)
        found = await self._connection.execute(
            mine.order_by(c.answered_at.desc(), c.position.desc()).limit(1)
        )
        row = found.first()
        return None if row is None else _snapshot(row)

    async def forget(self, student_id: str, *, since: Place) -> None:
        """Delete the snapshots, by whatever model, of a student from a place on: what led to them has changed."""
        mine = self._of(sa.delete(student_snapshots), student_id)
        await self._connection.execute(mine.where(sa.tuple_(c.answered_at, c.position) >= _place(since)))

    async def forget_old(self, *, before: datetime, limit: int) -> int:
        """Delete some snapshots of before a time; return how many. States are then rebuilt from further back."""
        key = tuple(student_snapshots.primary_key)
        old = sa.select(*key).where(c.tenant_id == self._tenant_id, c.answered_at < before)
        some = sa.delete(student_snapshots).where(sa.tuple_(*key).in_(old.limit(limit)))
        return (await self._connection.execute(some)).rowcount

    def _of(self, statement: Any, student_id: str) -> Any:
        return statement.where(c.tenant_id == self._tenant_id, c.student_id == student_id)


def _place(place: Place) -> sa.Tuple:
    return sa.tuple_(sa.literal(place[0], c.answered_at.type), sa.literal(place[1], sa.BigInteger))


def _snapshot(row: sa.Row[Any]) -> Snapshot:
    skills: list[dict[str, Any]] = row.skills
    return Snapshot(
        student_id=row.student_id,
        model_version=row.model_version,
        place=(row.answered_at, row.position),
        vector=np.frombuffer(row.vector, dtype="<f4"),
        num_answers=row.num_answers,
        masteries=tuple(_mastery(skill) for skill in skills),
        mastered=frozenset(skill["skill_id"] for skill in skills if skill["was_mastered"]),
    )


def _mastery(skill: dict[str, Any]) -> Mastery:
    at = skill["last_answered_at"]
    return Mastery(
        skill_id=skill["skill_id"],
        estimate=skill["estimate"],
        low=skill["low"],
        high=skill["high"],
        evidence=skill["evidence"],
        last_answered_at=None if at is None else datetime.fromisoformat(at),
        state=MasteryState(skill["state"]),
    )
