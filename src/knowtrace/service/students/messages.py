"""What subscribers of a student hear after each commit, as server-sent events."""

import orjson

from knowtrace.service.broker import Broker
from knowtrace.service.mastery.schemas import skill_mastery
from knowtrace.tracing import StudentKey, Tracer
from knowtrace.tracing.answers import Event, EventResult, Outcome, RevisionResult
from knowtrace.tracing.committed import Committed

HEARTBEAT = b": still here\n\n"
HELLO = b"retry: 2000\n: listening\n\n"
GOODBYE = b"event: closed\ndata: {}\n\n"


def announce(committed: Committed, broker: Broker, tracer: Tracer) -> None:
    """Tell the subscribers of each student about the answers that are now stored."""
    if not broker.num_subscribers:
        return
    for event, result in zip(committed.events, committed.results, strict=True):
        if result.outcome is Outcome.ACCEPTED:
            student_id = event.interaction.student_id
            num_answers = committed.students[StudentKey(event.tenant_id, student_id)].state.num_answers
            broker.publish(
                event.tenant_id,
                student_id,
                lambda e=event, r=result, n=num_answers: answer_message(e, r, n, tracer),
            )


def announce_revision(tenant_id: str, result: RevisionResult, broker: Broker) -> None:
    """Tell the subscribers of the students whose past has changed: what they have seen of it is no longer so."""
    for student_id in result.student_ids:
        data = {"event_id": result.event_id, "student_id": student_id, "is_withdrawn": result.is_withdrawn}
        broker.publish(
            tenant_id, student_id, lambda d=data: b"event: revision\ndata: " + orjson.dumps(d) + b"\n\n"
        )


def answer_message(event: Event, result: EventResult, num_answers: int, tracer: Tracer) -> bytes:
    """Write an `answer` event: what was answered, and the mastery of the skills it touched.

    Where the model failed there is no mastery, and `model_version` is null.
    """
    answer = event.interaction
    data = {
        "event_id": event.event_id,
        "student_id": answer.student_id,
        "item_id": answer.item_id,
        "response": answer.response,
        "answered_at": answer.answered_at,
        "num_answers": num_answers,
        "mastery": [skill_mastery(mastery, tracer.vocabulary).model_dump() for mastery in result.masteries],
        "notes": result.notes,
        "model_version": result.model_version or None,
        "degraded": result.is_degraded,
    }
    return b"event: answer\ndata: " + orjson.dumps(data, option=orjson.OPT_UTC_Z) + b"\n\n"
