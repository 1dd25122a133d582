"""GET /api/v1/schedules and POST /api/v1/schedules/{name}/run"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import Id, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource
from knowtrace.service.schedules import service
from knowtrace.service.schedules.schemas import RunOut, SchedulesOut

router = Resource(prefix="/api/v1/schedules", tags=["schedules"])
Operator = Annotated[Caller, may(Permission.SCHEDULES_MANAGE)]


@router.get("", response_model=SchedulesOut, responses=answers(503))
async def list_schedules(request: Request, classroom: InClassroom, caller: Operator) -> Response:
    """Return what is done at set times, when next, and how the last runs ended."""
    return reply(await service.list_schedules(classroom.store, request.app.state.timetable))


@router.post("/{name}/run", status_code=202, response_model=RunOut, responses=answers(404, 409, 422, 503))
async def run_schedule(request: Request, classroom: InClassroom, caller: Operator, name: Id) -> Response:
    """Begin a schedule now, in the background; the list says how it ends."""
    request_id = record_of(request.scope).request_id
    run = await service.begin(classroom, request.app.state.timetable, caller, name, request_id)
    return reply(run, 202)
