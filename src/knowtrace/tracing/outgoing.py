"""What others are to hear of a commit, written within its transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from knowtrace.domain import Mastery
from knowtrace.store import Session, StoredDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentChange:
    """What one commit changed of one student: by which answers, and the mastery of the skills they touched.

    `model_version` is empty, and there is no mastery, where no model could be asked.
    """

    student_id: str
    event_ids: tuple[str, ...]
    is_revision: bool
    num_answers: int
    masteries: tuple[Mastery, ...]
    model_version: str


class Outgoing(Protocol):
    """Writes messages in the transaction of what they tell of. `wants` asks no database."""

    def wants(self, tenant_id: str) -> bool: ...

    async def tell(self, session: Session, changes: Sequence[StudentChange], *, at: datetime) -> None: ...

    async def tell_decisions(
        self, session: Session, decisions: Sequence[StoredDecision], *, at: datetime
    ) -> None: ...
