"""Choose what to ask next, and write down how it was chosen before anybody hears of it."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from knowtrace.deciding import Advice, Candidate, recommend
from knowtrace.domain import Mastery
from knowtrace.errors import KnowTraceError
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.recommendations.schemas import (
    RecommendationOut,
    RecommendationRequest,
    RecommendedItem,
)
from knowtrace.service.recommendations.window import parse_window
from knowtrace.store import ItemSeen, Session, StoredDecision
from knowtrace.tracing import StudentState
from knowtrace.tracing.choices import Choice
from knowtrace.tracing.states import replayed_state

RULE_BASED = "rule-based"
MOST_SEEN_ITEMS = 10_000
NO_HEALTH = "item_health_flags is empty because item health is not watched in this version."


class NoBanditError(KnowTraceError):
    """The learnt policy is asked for, and there is none yet."""

    status = 400


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One list of items for one skill, as it was logged."""

    decision_id: str
    mastery: Mastery
    advice: Advice


async def recommendations(
    classroom: Classroom, caller: Caller, asked: RecommendationRequest
) -> RecommendationOut:
    """Return the items to ask next.

    Raises:
        NoBanditError: `use_rl` is true.
        NotFoundError: the model does not know the skill.
    """
    if asked.use_rl:
        raise NoBanditError(
            "use_rl (true) needs a trained bandit, and this version has none: send use_rl false."
        )
    now = datetime.now(UTC)
    tracer = classroom.tracer
    tracer.num_calibrated(asked.skill)
    if asked.time_window is None:
        state, as_of = await classroom.model.followed.look(classroom.store, caller.tenant_id, asked.student)
    else:
        start, end = parse_window(asked.time_window).bounds(now)
        async with classroom.replays, classroom.store.reading(caller.tenant_id) as session:
            state = await replayed_state(session, tracer, asked.student, start=start, end=end)
            as_of = await session.erased_at()
    seen = await classroom.store.glance(
        caller.tenant_id, lambda session: recently_seen(classroom, session, asked.student, now)
    )
    decision = await decide(
        classroom,
        caller,
        asked.student,
        state,
        seen,
        skill_id=asked.skill,
        max_items=asked.max_items,
        now=now,
        as_of=as_of,
    )
    return RecommendationOut(
        **asked.caller_words,
        skill=asked.skill,
        skill_name=tracer.vocabulary.skill_name(asked.skill),
        mastery=decision.mastery.estimate,
        interval=(decision.mastery.low, decision.mastery.high),
        interaction_count=decision.mastery.evidence,
        recommendations=_items(decision),
        item_health_flags=[],
        num_candidates=decision.advice.num_candidates,
        decision_id=decision.decision_id,
        notes=[*([decision.advice.note] if decision.advice.note else []), NO_HEALTH],
        model_version=tracer.version,
        degraded=classroom.is_degraded,
    )


async def recently_seen(
    classroom: Classroom, session: Session, student_id: str, now: datetime
) -> dict[str, ItemSeen]:
    """Return the items a student answered within the rules' recent days: always by the log, whatever the window."""
    since = now - timedelta(days=classroom.rules.recent_days)
    return await session.events.items_seen(student_id, since=since, limit=MOST_SEEN_ITEMS)


async def decide(
    classroom: Classroom,
    caller: Caller,
    student_id: str,
    state: StudentState,
    seen: dict[str, ItemSeen],
    *,
    skill_id: str,
    max_items: int,
    now: datetime,
    as_of: int,
) -> Decision:
    """Choose items of one skill by the rules and log the choice.

    `as_of` is what `Session.erased_at` said when the student was read.

    Raises:
        UnavailableError: the student was erased since, or the decision cannot be stored now.
    """
    tracer = classroom.tracer
    [mastery] = tracer.mastery(state, [skill_id])
    advice = recommend(
        candidates_of(classroom, state, seen, skill_id),
        rules=classroom.rules,
        skill_name=tracer.vocabulary.skill_name(skill_id),
        num_answers=mastery.evidence,
        max_items=max_items,
    )
    decision = Decision(decision_id=uuid.uuid4().hex, mastery=mastery, advice=advice)
    stored = StoredDecision(
        decision_id=decision.decision_id,
        student_id=student_id,
        skill=skill_id,
        created_at=now,
        model_version=tracer.version,
        recommendation_type=RULE_BASED,
        items=[
            {"item_id": item.item_id, "expected_success": item.expected_success}
            for item in advice.recommendations
        ],
        num_candidates=advice.num_candidates,
        propensity=None,
    )
    await classroom.intake.keep(Choice(tenant_id=caller.tenant_id, decision=stored, as_of=as_of))
    return decision


def candidates_of(
    classroom: Classroom, state: StudentState, seen: dict[str, ItemSeen], skill_id: str
) -> list[Candidate]:
    tracer = classroom.tracer
    items = classroom.catalogue.items_of(skill_id)
    if not items:
        return []
    full_credit = tracer.vocabulary.num_categories - 1
    difficulties = classroom.catalogue.difficulties_of(skill_id)
    success = tracer.expected_success_in(state, skill_id).tolist()
    return [
        Candidate(
            item_id=item.item_id,
            expected_success=expected,
            difficulty=how_hard,
            was_seen=item.item_id in seen,
            was_correct=item.item_id in seen and seen[item.item_id].best_response == full_credit,
        )
        for item, how_hard, expected in zip(items, difficulties, success, strict=True)
    ]


def _items(decision: Decision) -> list[RecommendedItem]:
    return [
        RecommendedItem(
            item_id=item.item_id,
            expected_success=item.expected_success,
            difficulty=item.difficulty,
            reason=item.reason,
            recommendation_type=RULE_BASED,
            expected_reward=None,
            uncertainty=None,
            propensity=None,
            decision_id=decision.decision_id,
        )
        for item in decision.advice.recommendations
    ]
