"""What is known about one student: the model's state and the evidence behind it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

State = NDArray[np.float32]
"""A model's whole memory of one student: a flat vector of constant size."""


class StudentKey(NamedTuple):
    """Whose: what is remembered of a student is kept under this, in a process and between processes."""

    tenant_id: str
    student_id: str


class SkillEvidence(NamedTuple):
    """How often and how lately a student answered items of one skill, and whether it was ever mastered."""

    num_answers: int
    last_answered_at: datetime | None
    was_mastered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentState:
    """One student at one moment. Never changed in place: an answer makes the next one."""

    vector: State
    num_answers: int = 0
    last_answered_at: datetime | None = None
    skills: dict[str, SkillEvidence] = field(default_factory=dict[str, SkillEvidence])
