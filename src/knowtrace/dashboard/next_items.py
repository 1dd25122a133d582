"""Which skills to work on next, with which items, and what each answer would do to the mastery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowtrace.deciding import recommend
from knowtrace.domain import Interaction, Mastery, MasteryState
from knowtrace.service.classroom import Classroom
from knowtrace.service.recommendations.service import candidates_of
from knowtrace.store import ItemSeen
from knowtrace.tracing import StudentState, Tracer

MOST_SKILLS = 3
MOST_CONSIDERED = 12
"""Skills whose items are looked through: some may have nothing left to ask."""

ITEMS_PER_SKILL = 3

URGENCY = (
    MasteryState.NEEDS_REVIEW,
    MasteryState.LEARNING,
    MasteryState.NOT_ENOUGH_DATA,
    MasteryState.PROFICIENT,
)
"""Which states to work on first. Mastered skills are left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItem:
    """An item worth asking. `if_right` and `if_wrong`: the skill's mastery after full and after no credit."""

    item_id: str
    expected_success: float
    difficulty: float | None
    reason: str
    if_right: float
    if_wrong: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillAdvice:
    skill_id: str
    skill_name: str
    mastery: float
    state: MasteryState
    items: list[NextItem]
    note: str | None


def next_items(
    classroom: Classroom, student: StudentState, masteries: Sequence[Mastery], seen: Mapping[str, ItemSeen]
) -> list[SkillAdvice]:
    """Advise on the practised skills that need it most: those in need of review first, then the weakest.

    Skills with nothing left to ask are only named, with the reason, when no skill has anything.
    """
    open_skills = [mastery for mastery in masteries if mastery.state in URGENCY]
    open_skills.sort(key=lambda m: (URGENCY.index(m.state), m.estimate, m.skill_id))
    empty: list[SkillAdvice] = []
    useful: list[SkillAdvice] = []
    for mastery in open_skills[:MOST_CONSIDERED]:
        advice = _advice(classroom, student, mastery, seen)
        (useful if advice.items else empty).append(advice)
        if len(useful) == MOST_SKILLS:
            break
    return useful or empty[:MOST_SKILLS]


def _advice(
    classroom: Classroom, student: StudentState, mastery: Mastery, seen: Mapping[str, ItemSeen]
) -> SkillAdvice:
    tracer, skill_id = classroom.tracer, mastery.skill_id
    name = tracer.vocabulary.skill_name(skill_id)
    # The same candidates and rules as POST /api/v1/recommendations; looking at a page logs no decision.
    advice = recommend(
        candidates_of(classroom, student, dict(seen), skill_id),
        rules=classroom.rules,
        skill_name=name,
        num_answers=mastery.evidence,
        max_items=ITEMS_PER_SKILL,
    )
    full_credit = tracer.vocabulary.num_categories - 1
    return SkillAdvice(
        skill_id=skill_id,
        skill_name=name,
        mastery=mastery.estimate,
        state=mastery.state,
        note=advice.note,
        items=[
            NextItem(
                item_id=item.item_id,
                expected_success=item.expected_success,
                difficulty=item.difficulty,
                reason=item.reason,
                if_right=_mastery_after(tracer, student, skill_id, item.item_id, full_credit),
                if_wrong=_mastery_after(tracer, student, skill_id, item.item_id, 0),
            )
            for item in advice.recommendations
        ],
    )


def _mastery_after(
    tracer: Tracer, student: StudentState, skill_id: str, item_id: str, response: int
) -> float:
    answer = Interaction(student_id="", item_id=item_id, skill_ids=(), response=response)
    after = tracer.observe(student, answer)
    return tracer.mastery(after, [skill_id])[0].estimate
