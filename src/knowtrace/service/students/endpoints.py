"""GET /api/v1/students and what hangs below one of them"""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import Query as FromQuery
from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import StudentInPath, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource
from knowtrace.service.students import service
from knowtrace.service.students.schemas import (
    HistoryOut,
    HistoryQuery,
    StreamMessage,
    StudentsOut,
    StudentsQuery,
    TimelineOut,
    TimelineQuery,
)

router = Resource(prefix="/api/v1/students", tags=["students"])
Lister = Annotated[Caller, may(Permission.STUDENTS_LIST)]
Reader = Annotated[Caller, may(Permission.ANSWERS_READ)]


@router.get("", response_model=StudentsOut, responses=answers(422, 503))
async def list_students(
    classroom: InClassroom,
    caller: Lister,
    query: Annotated[StudentsQuery, FromQuery()],
) -> Response:
    """Return the students who have answered, in order of their id."""
    return reply(await service.list_students(classroom, caller, query))


@router.get("/{student_id:id}/events", response_model=HistoryOut, responses=answers(422, 503))
async def read_history(
    request: Request,
    classroom: InClassroom,
    caller: Reader,
    student_id: StudentInPath,
    query: Annotated[HistoryQuery, FromQuery()],
) -> Response:
    """Return a student's answers from the newest back; an empty list for a student never seen."""
    record_of(request.scope).student_id = student_id
    return reply(await service.history(classroom, caller, student_id, query))


@router.get("/{student_id:id}/timeline", response_model=TimelineOut, responses=answers(404, 422, 503))
async def read_timeline(
    request: Request,
    classroom: InClassroom,
    caller: Reader,
    student_id: StudentInPath,
    query: Annotated[TimelineQuery, FromQuery()],
) -> Response:
    """Return the mastery after each of a student's last answers, oldest first: a replay of the whole log."""
    record_of(request.scope).student_id = student_id
    return reply(
        await answered(
            classroom,
            caller,
            student_id,
            lambda room: service.student_timeline(room, caller, student_id, query),
        )
    )


class EventStream(StreamingResponse):
    """A stream that gives its place back however it ends: a reader may be gone before the first byte."""

    def __init__(self, content: AsyncIterator[bytes], *, release: Callable[[], None], **rest: Any) -> None:
        super().__init__(content, **rest)
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


@router.get(
    "/{student_id:id}/stream",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": StreamMessage.model_json_schema()}}},
        **answers(422, 503),
    },
)
async def stream(
    request: Request,
    classroom: InClassroom,
    caller: Reader,
    student_id: StudentInPath,
) -> StreamingResponse:
    """Stream server-sent events: an `answer` after each commit, a comment as heartbeat, `closed` at the end.

    A reader that falls 64 messages behind is let go and should connect again. One whose credential has ended hears
    nothing more.
    """
    record_of(request.scope).student_id = student_id
    subscription = classroom.broker.subscribe(caller, student_id)
    return EventStream(
        service.while_known(service.listen(classroom, subscription), request.scope, classroom),
        release=lambda: classroom.broker.unsubscribe(subscription),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
