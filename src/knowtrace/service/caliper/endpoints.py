"""POST /caliper"""

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from knowtrace.service.caliper.schemas import Envelope, EnvelopeOut
from knowtrace.service.caliper.service import students_named, take_envelope
from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute

router = APIRouter(tags=["caliper"], route_class=JsonRoute)
Writer = Annotated[Caller, may(Permission.ANSWERS_WRITE, named_in=students_named)]


@router.post("/caliper", response_model=EnvelopeOut, responses=answers(400, 409, 413, 422, 503))
async def post_envelope(request: Request, classroom: InClassroom, caller: Writer, body: Envelope) -> Response:
    """Store the events of a Caliper envelope, all or none of them; an event that has come before changes nothing.

    An answer is an attempt at an item: an AssessmentItemEvent that completes it and a GradeEvent, in one envelope or
    in two, in any order. It stands in the log of answers under the attempt's id. A later grade corrects it.
    """
    taken = await take_envelope(classroom, caller, body, request_id=record_of(request.scope).request_id)
    return reply(taken)
