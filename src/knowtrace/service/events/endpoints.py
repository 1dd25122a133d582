"""POST /api/v1/events"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.events.schemas import EventBatch, EventIn, Events, EventsOut, SingleEventOut
from knowtrace.service.events.service import take_many, take_one
from knowtrace.service.fields import reply
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute

router = APIRouter(prefix="/api/v1/events", tags=["events"], route_class=JsonRoute)


@router.post("", response_model=SingleEventOut | EventsOut, responses=answers(400, 409, 413, 422, 503))
async def post_events(request: Request, classroom: InClassroom, body: Events) -> Response:
    """Store one answer, or up to 1,000 as a list or as {"events": […]}; on disk before this call returns.

    One answer: 200 accepted or duplicate, 409 when its id is stored with another body, 400 when it breaks a
    rule. Many answers: 200, and each has its own status. Sending the same answer again changes nothing. An
    answer that arrives late is put in its place: the state is then as if all had come in order.
    """
    if isinstance(body, EventIn):
        record_of(request.scope).student_id = body.student
        return reply(await take_one(classroom, body))
    events = body.events if isinstance(body, EventBatch) else body
    return reply(await take_many(classroom, events))
