"""Hand answers to the intake and say what became of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from knowtrace.errors import ConflictError, TooLargeError
from knowtrace.service.classroom import Classroom
from knowtrace.service.events.schemas import (
    MOST_EVENTS,
    Correction,
    EventIn,
    EventOut,
    EventsOut,
    RevisedEventOut,
    SingleEventOut,
)
from knowtrace.service.identity.caller import Caller
from knowtrace.service.mastery.schemas import skill_mastery
from knowtrace.store import Deed
from knowtrace.tracing.answers import EventResult, Outcome, RejectedError, RevisionResult

STATUS = {
    Outcome.ACCEPTED: "accepted",
    Outcome.DUPLICATE: "duplicate",
    Outcome.CONFLICT: "rejected",
    Outcome.REJECTED: "rejected",
}


async def take_one(classroom: Classroom, caller: Caller, event: EventIn) -> SingleEventOut:
    """Store one answer.

    Raises:
        RejectedError: it breaks a rule.
        ConflictError: its id is stored with another body.
        UnavailableError: it could not be stored now.
    """
    [result] = await _submit(classroom, caller, [event])
    if result.outcome is Outcome.REJECTED:
        raise RejectedError([result.reason or ""])
    if result.outcome is Outcome.CONFLICT:
        raise ConflictError(result.reason)
    return SingleEventOut(
        **_fields(classroom, event, result),
        model_version=result.model_version or classroom.tracer.version,
        degraded=result.is_degraded,
    )


async def take_many(classroom: Classroom, caller: Caller, events: Sequence[EventIn]) -> EventsOut:
    """Store up to 1,000 answers; each stands or falls on its own.

    Raises:
        TooLargeError: more than 1,000.
        TooManyError: the tenant has sent as many today as it may.
        UnavailableError: they could not be stored now; none of them was.
    """
    if len(events) > MOST_EVENTS:
        raise TooLargeError(
            f"{len(events)} events in one call, at most {MOST_EVENTS} may be: send them in several calls."
        )
    results = await _submit(classroom, caller, events)
    counts = Counter(STATUS[result.outcome] for result in results)
    return EventsOut(
        results=[
            EventOut(**_fields(classroom, event, result))
            for event, result in zip(events, results, strict=True)
        ],
        num_accepted=counts["accepted"],
        num_duplicate=counts["duplicate"],
        num_rejected=counts["rejected"],
        model_version=next((r.model_version for r in results if r.model_version), classroom.tracer.version),
        degraded=any(result.is_degraded for result in results),
    )


async def correct(
    classroom: Classroom, caller: Caller, event_id: str, body: Correction, *, request_id: str
) -> RevisedEventOut:
    """Put a stored answer right.

    Raises:
        RejectedError: the correction breaks a rule.
        NotFoundError: no answer is stored under this id.
        ConflictError: that answer was withdrawn.
        UnavailableError: it could not be stored now.
    """
    result = await classroom.intake.correct(
        caller.tenant_id,
        body.answer_under(event_id),
        deed=deed_of(caller, "answers.correct", event_id, request_id),
    )
    return _revised(classroom, result, body.caller_words)


async def withdraw(
    classroom: Classroom, caller: Caller, event_id: str, *, request_id: str
) -> RevisedEventOut:
    """Take a stored answer out of its student's history.

    Raises:
        NotFoundError: no answer is stored under this id.
        UnavailableError: it could not be stored now.
    """
    result = await classroom.intake.withdraw(
        caller.tenant_id, event_id, deed=deed_of(caller, "answers.withdraw", event_id, request_id)
    )
    return _revised(classroom, result, {"student_id": result.student_id})


def deed_of(caller: Caller, action: str, event_id: str, request_id: str) -> Deed:
    return Deed(
        subject=caller.subject,
        role=caller.role.value,
        action=action,
        object=f"event:{event_id}",
        request_id=request_id,
    )


def _revised(classroom: Classroom, result: RevisionResult, words: dict[str, str]) -> RevisedEventOut:
    done = "withdrawn" if result.is_withdrawn else "corrected"
    vocabulary = classroom.tracer.vocabulary
    return RevisedEventOut(
        **words,
        event_id=result.event_id,
        status=done if result.is_new else "unchanged",
        revision=result.revision,
        mastery=[skill_mastery(mastery, vocabulary) for mastery in result.masteries],
        model_version=result.model_version or classroom.tracer.version,
        degraded=result.is_degraded,
    )


async def _submit(classroom: Classroom, caller: Caller, events: Sequence[EventIn]) -> list[EventResult]:
    await classroom.identity.limiter.count_events(caller.tenant_id, len(events))
    results = await classroom.intake.submit(caller.tenant_id, [event.to_answer() for event in events])
    classroom.metrics.observe_rejections(sum(result.outcome is Outcome.REJECTED for result in results))
    return results


def _fields(classroom: Classroom, event: EventIn, result: EventResult) -> dict[str, Any]:
    vocabulary = classroom.tracer.vocabulary
    return {
        **event.caller_words,
        "event_id": result.event_id,
        "status": STATUS[result.outcome],
        "reason": result.reason,
        "mastery": [skill_mastery(mastery, vocabulary) for mastery in result.masteries],
        "notes": list(result.notes),
    }
