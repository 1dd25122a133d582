"""The mastery of every skill, and where to go on."""

from datetime import UTC, datetime

from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.kt.schemas import MasteryVector, NextItem, VectorQuery
from knowtrace.service.recommendations.service import candidates_of, decide, recently_seen
from knowtrace.store import ItemSeen
from knowtrace.tracing import StudentState


async def mastery_vector(classroom: Classroom, caller: Caller, query: VectorQuery) -> MasteryVector:
    """Return every skill's mastery, and the best item of the weakest skill that still has one to ask."""
    now = datetime.now(UTC)
    tracer = classroom.tracer
    state, as_of = await classroom.model.followed.look(classroom.store, caller.tenant_id, query.student)
    seen = await classroom.store.glance(
        caller.tenant_id, lambda session: recently_seen(classroom, session, query.student, now)
    )
    mastery = {mastery.skill_id: mastery.estimate for mastery in tracer.mastery(state)}
    return MasteryVector(
        **query.caller_words,
        mastery=mastery,
        num_answers=state.num_answers,
        recommendation=await _next_item(
            classroom, caller, query.student, state, seen, mastery=mastery, now=now, as_of=as_of
        ),
        model_version=tracer.version,
        degraded=classroom.is_degraded,
    )


async def _next_item(
    classroom: Classroom,
    caller: Caller,
    student_id: str,
    state: StudentState,
    seen: dict[str, ItemSeen],
    *,
    mastery: dict[str, float],
    now: datetime,
    as_of: int,
) -> NextItem | None:
    for skill_id in sorted(mastery, key=lambda skill_id: (mastery[skill_id], skill_id)):
        if all(candidate.was_correct for candidate in candidates_of(classroom, state, seen, skill_id)):
            continue
        decision = await decide(
            classroom,
            caller,
            student_id,
            state,
            seen,
            skill_id=skill_id,
            max_items=1,
            now=now,
            as_of=as_of,
        )
        [item] = decision.advice.recommendations
        return NextItem(
            skill=skill_id,
            skill_name=classroom.tracer.vocabulary.skill_name(skill_id),
            mastery=mastery[skill_id],
            item_id=item.item_id,
            expected_success=item.expected_success,
            reason=item.reason,
            decision_id=decision.decision_id,
        )
    return None
