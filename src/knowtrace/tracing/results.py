"""What senders are told of the answers of a transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from knowtrace.domain import Mastery
from knowtrace.tracing.answers import Event, EventResult, Outcome, notes_on
from knowtrace.tracing.changes import conflict
from knowtrace.tracing.following import Student
from knowtrace.tracing.tracer import Tracer

STORED_ONLY = (
    "Stored, but the model could not be asked: what this answer tells shows in the mastery as soon as it can."
)
STORED_FIRST = (
    "Stored. The long history that it changes is replayed now; the mastery shows what it tells soon."
)
WITHDRAWN = "This answer was stored and later withdrawn: it is no part of the student's history."


def results_of(
    tracer: Tracer,
    events: Sequence[Event],
    outcomes: Sequence[Outcome],
    students: Mapping[str, Student],
    withdrawn: Collection[str],
) -> list[EventResult]:
    """Return what became of each event, with the mastery it led to; what was sent before is answered with today's."""
    results = [
        _result(tracer, event, outcome, students[event.interaction.student_id])
        for event, outcome in zip(events, outcomes, strict=True)
    ]
    return [
        replace(result, notes=(*result.notes, WITHDRAWN)) if result.event_id in withdrawn else result
        for result in results
    ]


def unasked_result(event: Event, outcome: Outcome, note: str = STORED_ONLY) -> EventResult:
    """Return what became of an event that no model has seen."""
    if outcome is Outcome.CONFLICT:
        return conflict(event)
    return EventResult(event_id=event.event_id, outcome=outcome, notes=(note,), is_degraded=True)


def _result(tracer: Tracer, event: Event, outcome: Outcome, student: Student) -> EventResult:
    if outcome is Outcome.CONFLICT or student.is_unasked:
        return unasked_result(event, outcome, STORED_FIRST)
    answer = event.interaction
    skill_ids = tracer.skills_of(answer.item_id, answer.skill_ids)
    masteries: Sequence[Mastery] | None = None
    if outcome is Outcome.ACCEPTED:
        masteries = student.after.get(event.event_id)
    if masteries is None:
        known = tracer.vocabulary.skill_indices
        masteries = tracer.mastery(student.state, [s for s in dict.fromkeys(skill_ids) if s in known])
    return EventResult(
        event_id=event.event_id,
        outcome=outcome,
        masteries=tuple(masteries),
        notes=notes_on(answer.item_id, skill_ids, tracer.vocabulary),
        model_version=tracer.version,
    )
