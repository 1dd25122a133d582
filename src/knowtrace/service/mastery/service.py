"""Find what a student knows."""

from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.mastery.schemas import MasteryQuery, StudentMastery, skill_mastery

NEVER_SEEN = "No answer of this student is stored: these are the model's expectations of any student."
NOTHING_PRACTISED = (
    "None of this student's answers touched a skill the model knows. ?all=true shows every skill."
)


async def student_mastery(
    classroom: Classroom, caller: Caller, student_id: str, query: MasteryQuery
) -> StudentMastery:
    """Return the mastery of the skill asked for; else of the practised ones; of all for a student never seen.

    Raises:
        NotFoundError: the model does not know the skill.
    """
    tracer = classroom.tracer
    state, _ = await classroom.model.followed.look(classroom.store, caller.tenant_id, student_id)
    if query.skill is not None:
        skill_ids = [query.skill]
    elif query.all or not state.num_answers:
        skill_ids = None
    else:
        skill_ids = [skill_id for skill_id in tracer.vocabulary.skill_ids if skill_id in state.skills]
    note = None
    if not state.num_answers:
        note = NEVER_SEEN
    elif skill_ids == []:
        note = NOTHING_PRACTISED
    return StudentMastery(
        student_id=student_id,
        num_answers=state.num_answers,
        last_answered_at=state.last_answered_at,
        skills=[skill_mastery(mastery, tracer.vocabulary) for mastery in tracer.mastery(state, skill_ids)],
        note=note,
        model_version=tracer.version,
        degraded=classroom.is_degraded,
    )


def difference(one: StudentMastery, other: StudentMastery) -> float:
    """Return how far two answers are apart, on average over the skills that both have."""
    theirs = {skill.skill_id: skill.mastery for skill in other.skills}
    apart = [abs(s.mastery - theirs[s.skill_id]) for s in one.skills if s.skill_id in theirs]
    return sum(apart) / len(apart) if apart else 0.0
