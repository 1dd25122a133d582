"""GET and PUT /api/v1/students/{student_id}/consent"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.consents import service
from knowtrace.service.consents.schemas import ConsentIn, ConsentOut
from knowtrace.service.fields import StudentInPath, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource

router = Resource(prefix="/api/v1/students", tags=["students"], route_class=JsonRoute)
Reader = Annotated[Caller, may(Permission.CONSENT_READ)]
Decider = Annotated[Caller, may(Permission.CONSENT_WRITE)]


@router.get("/{student_id:id}/consent", response_model=ConsentOut, responses=answers(422, 503))
async def read_consent(
    request: Request, classroom: InClassroom, caller: Reader, student_id: StudentInPath
) -> Response:
    """Return whether models may be trained on a student's answers."""
    record_of(request.scope).student_id = student_id
    return reply(await service.read(classroom, caller, student_id))


@router.put("/{student_id:id}/consent", response_model=ConsentOut, responses=answers(413, 422, 503))
async def put_consent(
    request: Request, classroom: InClassroom, caller: Decider, student_id: StudentInPath, body: ConsentIn
) -> Response:
    """Say whether models may be trained on a student's answers; the student need not have answered yet."""
    record = record_of(request.scope)
    record.student_id = student_id
    return reply(
        await service.decide(
            classroom, caller, student_id, training=body.training, request_id=record.request_id
        )
    )
