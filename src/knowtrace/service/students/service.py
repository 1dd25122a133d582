"""Read students and their answers; listen to one."""

from collections.abc import AsyncIterator

from starlette.types import Scope

from knowtrace.service.broker import Subscription
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.mastery.schemas import skill_mastery
from knowtrace.service.students.messages import GOODBYE, HEARTBEAT, HELLO
from knowtrace.service.students.schemas import (
    HistoryOut,
    HistoryQuery,
    StoredAnswer,
    StudentOut,
    StudentsOut,
    StudentsQuery,
    TimelineOut,
    TimelinePoint,
    TimelineQuery,
    read_cursor,
    write_cursor,
)
from knowtrace.store import StoredEvent
from knowtrace.tracing import Tracer
from knowtrace.tracing.states import Moment, timeline


async def list_students(classroom: Classroom, caller: Caller, query: StudentsQuery) -> StudentsOut:
    async with classroom.store.reading(caller.tenant_id) as session:
        found = await session.students.page(limit=query.limit + 1, after=query.cursor or "")
    page = found[: query.limit]
    return StudentsOut(
        students=[
            StudentOut(
                student_id=student.student_id,
                num_answers=student.num_answers,
                last_answered_at=student.last_answered_at,
            )
            for student in page
        ],
        next_cursor=page[-1].student_id if len(found) > query.limit else None,
    )


async def history(classroom: Classroom, caller: Caller, student_id: str, query: HistoryQuery) -> HistoryOut:
    before = read_cursor(query.cursor) if query.cursor else None
    async with classroom.store.reading(caller.tenant_id) as session:
        found = await session.events.newest(student_id, limit=query.limit + 1, before=before)
    page = [_stored_answer(event, classroom.tracer) for event in found[: query.limit]]
    next_cursor = write_cursor(page[-1].answered_at, page[-1].position) if len(found) > query.limit else None
    return HistoryOut(student_id=student_id, events=page, next_cursor=next_cursor)


async def student_timeline(
    classroom: Classroom, caller: Caller, student_id: str, query: TimelineQuery
) -> TimelineOut:
    """Return the mastery after each of a student's last answers, or those that touched one skill.

    Raises:
        NotFoundError: the model does not know the skill.
    """
    tracer = classroom.tracer
    if query.skill is not None:
        tracer.num_calibrated(query.skill)
    async with classroom.replays, classroom.store.reading(caller.tenant_id) as session:
        moments = await timeline(session, tracer, student_id, limit=query.limit, skill_id=query.skill)
    return TimelineOut(
        student_id=student_id,
        points=[_point(moment, tracer) for moment in moments],
        model_version=tracer.version,
        degraded=classroom.is_degraded,
    )


async def listen(classroom: Classroom, subscription: Subscription) -> AsyncIterator[bytes]:
    """Yield what happens to a student until the reader goes, falls behind, or the service stops."""
    yield HELLO
    while True:
        try:
            message = await subscription.next(classroom.settings.stream_heartbeat_seconds)
        except TimeoutError:
            yield HEARTBEAT
            continue
        if message is None:
            yield GOODBYE
            return
        yield message


async def while_known(
    messages: AsyncIterator[bytes], scope: Scope, classroom: Classroom
) -> AsyncIterator[bytes]:
    """Pass messages on for as long as the credential that opened the stream is accepted."""
    async for message in messages:
        if not await classroom.identity.is_still_known(scope):
            yield GOODBYE
            return
        yield message


def _stored_answer(event: StoredEvent, tracer: Tracer) -> StoredAnswer:
    answer = event.interaction
    assert answer.answered_at is not None
    return StoredAnswer(
        position=event.position,
        event_id=event.event_id,
        item_id=answer.item_id,
        skill_ids=list(tracer.skills_of(answer.item_id, answer.skill_ids)),
        response=answer.response,
        answered_at=answer.answered_at,
        received_at=event.received_at,
        elapsed_seconds=answer.elapsed_seconds,
        hints_used=answer.hints_used,
        attempt=answer.attempt,
        session_id=answer.session_id,
    )


def _point(moment: Moment, tracer: Tracer) -> TimelinePoint:
    answer = moment.event.interaction
    assert answer.answered_at is not None
    return TimelinePoint(
        event_id=moment.event.event_id,
        item_id=answer.item_id,
        response=answer.response,
        answered_at=answer.answered_at,
        mastery=[skill_mastery(mastery, tracer.vocabulary) for mastery in moment.masteries],
    )
