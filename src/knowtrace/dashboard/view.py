"""Everything the student page shows, computed once: the page, its charts and view.json say the same numbers.

Pure: takes a student's state and what the store holds, reads no clock and no database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from knowtrace.dashboard.next_items import SkillAdvice, next_items
from knowtrace.domain import Mastery, MasteryState
from knowtrace.domain.mastery import ENOUGH_EVIDENCE, MASTERED_AT, PROFICIENT_AT
from knowtrace.service.classroom import Classroom
from knowtrace.store import ItemSeen
from knowtrace.tracing import StudentState, Tracer
from knowtrace.tracing.states import Moment

MOST_ON_RADAR = 10
LEAST_FOR_RADAR = 3
"""Fewer skills make no shape: they are drawn as bars."""

MOST_MOMENTS = 200
"""Answers whose effect the timeline shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillView:
    """One practised skill. Field by field what GET /api/v1/mastery answers."""

    skill_id: str
    skill_name: str
    mastery: float
    low: float
    high: float
    interaction_count: int
    last_updated: datetime | None
    state: MasteryState
    num_calibrated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePoint:
    """One answer in one skill, and the mastery right after it.

    `ordinal` counts the student's answers in the skill from 1; `score` is the share of full credit; `change`
    is None for the first answer shown, where what stood before it is not.
    """

    skill_id: str
    ordinal: int
    item_id: str
    answered_at: datetime | None
    score: float
    outcome: str
    mastery: float
    low: float
    high: float
    change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """The constants by which a mastery gets its name."""

    enough_evidence: int = ENOUGH_EVIDENCE
    proficient_at: float = PROFICIENT_AT
    mastered_at: float = MASTERED_AT


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentView:
    student_id: str
    num_answers: int
    last_answered_at: datetime | None
    model_version: str
    degraded: bool
    computed_at: datetime
    interval_level: float
    rule: StateRule
    skills: list[SkillView]
    num_unpractised: int
    radar: list[str]
    radar_kind: Literal["radar", "bars"]
    timeline: list[TimelinePoint]
    num_moments: int
    advice: list[SkillAdvice]

    @property
    def state_counts(self) -> dict[MasteryState, int]:
        return {state: sum(skill.state is state for skill in self.skills) for state in MasteryState}

    @property
    def latest_skill_id(self) -> str | None:
        """The skill of the newest answer: what the timeline opens with."""
        return self.timeline[-1].skill_id if self.timeline else None


def student_view(
    classroom: Classroom,
    student_id: str,
    state: StudentState,
    *,
    moments: Sequence[Moment],
    seen: Mapping[str, ItemSeen],
    now: datetime,
) -> StudentView:
    """Build the page's view of one student; `seen` are the items answered in the rules' recent days."""
    tracer = classroom.tracer
    vocabulary = tracer.vocabulary
    practised = [skill_id for skill_id in vocabulary.skill_ids if skill_id in state.skills]
    masteries = sorted(tracer.mastery(state, practised), key=lambda m: (m.estimate, m.skill_id))
    by_practice = sorted(masteries, key=lambda m: (-m.evidence, m.skill_id))
    return StudentView(
        student_id=student_id,
        num_answers=state.num_answers,
        last_answered_at=state.last_answered_at,
        model_version=tracer.version,
        degraded=classroom.is_degraded,
        computed_at=now,
        interval_level=tracer.intervals.level,
        rule=StateRule(),
        skills=[_skill(mastery, tracer) for mastery in masteries],
        num_unpractised=len(vocabulary.skill_ids) - len(practised),
        radar=[mastery.skill_id for mastery in by_practice[:MOST_ON_RADAR]],
        radar_kind="radar" if len(practised) >= LEAST_FOR_RADAR else "bars",
        timeline=timeline_points(moments, num_categories=vocabulary.num_categories),
        num_moments=len(moments),
        advice=next_items(classroom, state, masteries, seen),
    )


def timeline_points(moments: Sequence[Moment], *, num_categories: int) -> list[TimelinePoint]:
    """Return one point per answer and skill it touched, oldest first."""
    points: list[TimelinePoint] = []
    before: dict[str, float] = {}
    for moment in moments:
        answer = moment.event.interaction
        score = answer.response / (num_categories - 1)
        for mastery in moment.masteries:
            last = before.get(mastery.skill_id)
            before[mastery.skill_id] = mastery.estimate
            points.append(
                TimelinePoint(
                    skill_id=mastery.skill_id,
                    ordinal=mastery.evidence,
                    item_id=answer.item_id,
                    answered_at=answer.answered_at,
                    score=score,
                    outcome={0.0: "wrong", 1.0: "right"}.get(score, "partly right"),
                    mastery=mastery.estimate,
                    low=mastery.low,
                    high=mastery.high,
                    change=None if last is None else mastery.estimate - last,
                )
            )
    return points


def _skill(mastery: Mastery, tracer: Tracer) -> SkillView:
    return SkillView(
        skill_id=mastery.skill_id,
        skill_name=tracer.vocabulary.skill_name(mastery.skill_id),
        mastery=mastery.estimate,
        low=mastery.low,
        high=mastery.high,
        interaction_count=mastery.evidence,
        last_updated=mastery.last_answered_at,
        state=mastery.state,
        num_calibrated=tracer.num_calibrated(mastery.skill_id),
    )
