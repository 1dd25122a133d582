"""Mastery of a skill, and the one rule that names its state."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

ENOUGH_EVIDENCE = 3
"""Answers in a skill before its mastery is given a name; fewer say "not enough data"."""

PROFICIENT_AT = 0.70
MASTERED_AT = 0.85


class MasteryState(StrEnum):
    NOT_ENOUGH_DATA = "not enough data"
    LEARNING = "learning"
    PROFICIENT = "proficient"
    MASTERED = "mastered"
    NEEDS_REVIEW = "needs review"


class Mastery(NamedTuple):
    """Expected success of one student over a skill's calibrated items, with its doubt and its evidence.

    `estimate`, `low` and `high` lie in [0, 1]; the interval holds the student's true success rate on the
    skill's items with the probability stated by the run (90 %). `evidence` counts answers in the skill.

    A tuple, because each look at a student makes one per skill, and a frozen class takes three times as long to make.
    """

    skill_id: str
    estimate: float
    low: float
    high: float
    evidence: int
    last_answered_at: datetime | None
    state: MasteryState


def mastery_state(estimate: float, evidence: int, *, was_mastered: bool) -> MasteryState:
    """Name a mastery: the published rule and the one that runs.

    Fewer than 3 answers: not enough data. At least 0.85: mastered. At least 0.70: proficient. Below that,
    a student who had once mastered the skill needs review; any other is learning.
    """
    if evidence < ENOUGH_EVIDENCE:
        return MasteryState.NOT_ENOUGH_DATA
    if estimate >= MASTERED_AT:
        return MasteryState.MASTERED
    if estimate >= PROFICIENT_AT:
        return MasteryState.PROFICIENT
    return MasteryState.NEEDS_REVIEW if was_mastered else MasteryState.LEARNING
