"""POST /api/v1/events, PUT and DELETE /api/v1/events/{event_id}"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.events.schemas import (
    Correction,
    EventBatch,
    EventIn,
    EventInPath,
    Events,
    EventsOut,
    RevisedEventOut,
    SingleEventOut,
)
from knowtrace.service.events.service import correct, take_many, take_one, withdraw
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource

router = Resource(prefix="/api/v1/events", tags=["events"], route_class=JsonRoute)
Writer = Annotated[Caller, may(Permission.ANSWERS_WRITE)]
Reviser = Annotated[Caller, may(Permission.ANSWERS_REVISE)]


@router.post("", response_model=SingleEventOut | EventsOut, responses=answers(400, 409, 413, 422, 503))
async def post_events(
    request: Request,
    classroom: InClassroom,
    caller: Writer,
    body: Events,
) -> Response:
    """Store one answer, or up to 1,000 as a list or as {"events": […]}; on disk before this call returns.

    One answer: 200 accepted or duplicate, 409 when its id is stored with another body, 400 when it breaks a
    rule. Many answers: 200, and each has its own status. Sending the same answer again changes nothing. An
    answer that arrives late is put in its place: the state is then as if all had come in order.
    """
    if isinstance(body, EventIn):
        record_of(request.scope).student_id = body.student
        return reply(await take_one(classroom, caller, body))
    events = body.events if isinstance(body, EventBatch) else body
    return reply(await take_many(classroom, caller, events))


@router.put("/{event_id:id}", response_model=RevisedEventOut, responses=answers(400, 404, 409, 413, 422, 503))
async def put_event(
    request: Request,
    classroom: InClassroom,
    caller: Reviser,
    event_id: EventInPath,
    body: Correction,
) -> Response:
    """Correct a stored answer: the whole answer as it should have been sent, without its `event_id`.

    Its student, or students if it moves to another one, are then as if it had been sent so at once. The older body
    is kept. An answer that was withdrawn is a 409; a correction that changes nothing is `unchanged`.
    """
    record = record_of(request.scope)
    record.student_id = body.student
    return reply(await correct(classroom, caller, event_id, body, request_id=record.request_id))


@router.delete("/{event_id:id}", response_model=RevisedEventOut, responses=answers(404, 422, 503))
async def delete_event(
    request: Request,
    classroom: InClassroom,
    caller: Reviser,
    event_id: EventInPath,
) -> Response:
    """Withdraw a stored answer: its student is then as if it had never been sent. Doing so again is `unchanged`."""
    record = record_of(request.scope)
    answer = await withdraw(classroom, caller, event_id, request_id=record.request_id)
    record.student_id = answer.student_id
    return reply(answer)
