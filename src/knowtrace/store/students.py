"""What is kept of each student: the model's state, and the evidence and mastery per skill."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from knowtrace.domain import Mastery, MasteryState, mastery_state
from knowtrace.domain.mastery import ENOUGH_EVIDENCE, MASTERED_AT, PROFICIENT_AT
from knowtrace.store.dialect import upsert
from knowtrace.store.tables import Row, log_head, student_mastery, student_states

NAMED = sa.bindparam("student_ids", expanding=True)
TENANT = sa.bindparam("tenant")
STATES = sa.select(student_states).where(
    student_states.c.tenant_id == TENANT, student_states.c.student_id.in_(NAMED)
)
MARK = sa.select(
    log_head.c.erased_at,
    student_states.c.model_version,
    student_states.c.last_position,
    student_states.c.rewritten_at,
).select_from(
    log_head.outerjoin(
        student_states,
        sa.and_(student_states.c.tenant_id == TENANT, student_states.c.student_id == sa.bindparam("student")),
    )
)
# `mastery_state` in the database's words: a test holds the two together.
STATE = sa.case(
    (student_mastery.c.interaction_count < ENOUGH_EVIDENCE, MasteryState.NOT_ENOUGH_DATA.value),
    (student_mastery.c.mastery >= MASTERED_AT, MasteryState.MASTERED.value),
    (student_mastery.c.mastery >= PROFICIENT_AT, MasteryState.PROFICIENT.value),
    (student_mastery.c.was_mastered, MasteryState.NEEDS_REVIEW.value),
    else_=MasteryState.LEARNING.value,
).label("state")
SKILLS = sa.select(
    student_mastery.c.student_id,
    student_mastery.c.skill_id,
    student_mastery.c.interaction_count,
    student_mastery.c.last_answered_at,
    student_mastery.c.was_mastered,
).where(student_mastery.c.tenant_id == TENANT, student_mastery.c.student_id.in_(NAMED))
MASTERIES = sa.select(student_mastery).where(
    student_mastery.c.tenant_id == TENANT, student_mastery.c.student_id == sa.bindparam("student")
)
COUNTS = (
    sa.select(student_mastery.c.skill_id, STATE, sa.func.count())
    .where(student_mastery.c.tenant_id == TENANT)
    .group_by(student_mastery.c.skill_id, STATE)
    .order_by(student_mastery.c.skill_id, STATE)
)
FORGET_SKILLS = sa.delete(student_mastery).where(
    student_mastery.c.tenant_id == TENANT, student_mastery.c.student_id.in_(NAMED)
)
FORGET = sa.delete(student_states).where(
    student_states.c.tenant_id == TENANT, student_states.c.student_id.in_(NAMED)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSkill:
    num_answers: int
    last_answered_at: datetime | None
    was_mastered: bool


class Mark(NamedTuple):
    """Where one student's stored state stands: as long as it is the same, so is the state.

    `rewritten_at` is where the log stood when an answer last came late, was corrected or withdrawn.
    """

    model_version: str
    last_position: int
    rewritten_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStudent:
    """One student's state as of the event at `last_position`, computed by `model_version`; the rest as in `Mark`."""

    student_id: str
    model_version: str
    vector: NDArray[np.float32]
    num_answers: int
    last_answered_at: datetime | None
    last_position: int
    rewritten_at: int = 0
    skills: dict[str, StoredSkill] = field(default_factory=dict[str, StoredSkill])

    @property
    def mark(self) -> Mark:
        return Mark(self.model_version, self.last_position, self.rewritten_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSummary:
    student_id: str
    num_answers: int
    last_answered_at: datetime | None


class Students:
    """Reads and writes one tenant's students on one open connection; commits nothing itself."""

    def __init__(self, connection: AsyncConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    async def load(self, student_ids: Collection[str]) -> dict[str, StoredStudent]:
        """Return the stored students among those named."""
        rows = (await self._connection.execute(STATES, self._named(student_ids))).all()
        if not rows:
            return {}
        skills: dict[str, dict[str, StoredSkill]] = {}
        for row in await self._connection.execute(SKILLS, self._named([row.student_id for row in rows])):
            skills.setdefault(row.student_id, {})[row.skill_id] = StoredSkill(
                num_answers=row.interaction_count,
                last_answered_at=row.last_answered_at,
                was_mastered=row.was_mastered,
            )
        return {
            row.student_id: StoredStudent(
                student_id=row.student_id,
                model_version=row.model_version,
                vector=np.frombuffer(row.vector, dtype="<f4"),
                num_answers=row.num_answers,
                last_answered_at=row.last_answered_at,
                last_position=row.last_position,
                rewritten_at=row.rewritten_at,
                skills=skills.get(row.student_id, {}),
            )
            for row in rows
        }

    async def mark(self, student_id: str) -> tuple[Mark | None, int]:
        """Return where a student's stored state stands, None for who has none; and `Session.erased_at` of then."""
        found = await self._connection.execute(MARK, {"tenant": self._tenant_id, "student": student_id})
        erased_at, version, position, rewritten_at = found.one()
        return None if version is None else Mark(version, position, rewritten_at), erased_at

    async def page(self, *, limit: int, after: str = "") -> list[StudentSummary]:
        """Return students in order of their id, from the one behind `after`."""
        c = student_states.c
        found = await self._connection.execute(
            sa.select(c.student_id, c.num_answers, c.last_answered_at)
            .where(c.tenant_id == self._tenant_id, c.student_id > after)
            .order_by(c.student_id)
            .limit(limit)
        )
        return [
            StudentSummary(
                student_id=row.student_id, num_answers=row.num_answers, last_answered_at=row.last_answered_at
            )
            for row in found
        ]

    async def most_recent(
        self, *, limit: int, text: str = "", after: tuple[datetime, str] | None = None
    ) -> list[StudentSummary]:
        """Return students whose id holds `text`, the latest answer first, from the one behind `after` on."""
        c = student_states.c
        mine = sa.select(c.student_id, c.num_answers, c.last_answered_at).where(
            c.tenant_id == self._tenant_id, c.last_answered_at.is_not(None)
        )
        if text:
            mine = mine.where(sa.func.lower(c.student_id).contains(text.lower(), autoescape=True))
        if after:
            at, student_id = after
            behind = sa.and_(c.last_answered_at == at, c.student_id > student_id)
            mine = mine.where(sa.or_(c.last_answered_at < at, behind))
        mine = mine.order_by(c.last_answered_at.desc(), c.student_id).limit(limit)
        return [StudentSummary(**row) for row in (await self._connection.execute(mine)).mappings()]

    async def longest(self, *, limit: int, at_least: int) -> list[str]:
        """Return the ids of students with at least so many answers, most answers first."""
        c = student_states.c
        mine = sa.select(c.student_id).where(c.tenant_id == self._tenant_id, c.num_answers >= at_least)
        mine = mine.order_by(c.num_answers.desc(), c.student_id).limit(limit)
        return list(await self._connection.scalars(mine))

    async def save(self, students: Sequence[StoredStudent]) -> None:
        """Write the students' states; their skills are written by `save_mastery`."""
        await upsert(
            self._connection,
            student_states,
            [
                {
                    "tenant_id": self._tenant_id,
                    "student_id": student.student_id,
                    "model_version": student.model_version,
                    "vector": np.ascontiguousarray(student.vector, dtype="<f4").tobytes(),
                    "num_answers": student.num_answers,
                    "last_answered_at": student.last_answered_at,
                    "last_position": student.last_position,
                    "rewritten_at": student.rewritten_at,
                }
                for student in students
            ],
        )

    async def save_masteries(
        self, changed: Sequence[tuple[StoredStudent, Sequence[Mastery]]], *, updated_at: datetime
    ) -> None:
        """Write the mastery of the skills that were touched, as of now; the others keep their older row."""
        rows: list[Row] = [
            {
                "tenant_id": self._tenant_id,
                "student_id": student.student_id,
                "skill_id": mastery.skill_id,
                "mastery": mastery.estimate,
                "low": mastery.low,
                "high": mastery.high,
                "interaction_count": mastery.evidence,
                "last_answered_at": mastery.last_answered_at,
                "was_mastered": student.skills[mastery.skill_id].was_mastered,
                "model_version": student.model_version,
                "updated_at": updated_at,
            }
            for student, masteries in changed
            for mastery in masteries
        ]
        await upsert(self._connection, student_mastery, rows)

    async def masteries(self, student_id: str) -> list[Mastery]:
        """Return the mastery of each skill a student has practised, as of the last answer that touched it."""
        found = await self._connection.execute(MASTERIES, {"tenant": self._tenant_id, "student": student_id})
        return [
            Mastery(
                skill_id=row.skill_id,
                estimate=row.mastery,
                low=row.low,
                high=row.high,
                evidence=row.interaction_count,
                last_answered_at=row.last_answered_at,
                state=mastery_state(row.mastery, row.interaction_count, was_mastered=row.was_mastered),
            )
            for row in found
        ]

    async def mastery_counts(self) -> list[tuple[str, MasteryState, int]]:
        """Count the students of each skill in each state, in order of the skill and of the state's name."""
        found = await self._connection.execute(COUNTS, {"tenant": self._tenant_id})
        return [(skill_id, MasteryState(state), count) for skill_id, state, count in found]

    async def forget_mastery(self, student_ids: Collection[str]) -> None:
        """Delete the mastery rows of students whose state is about to be rebuilt."""
        await self._connection.execute(FORGET_SKILLS, self._named(student_ids))

    async def forget(self, student_ids: Collection[str]) -> None:
        """Delete the state and mastery of students of whom no answer is left."""
        await self._connection.execute(FORGET, self._named(student_ids))

    def _named(self, student_ids: Collection[str]) -> Row:
        return {"tenant": self._tenant_id, "student_ids": list(student_ids)}
