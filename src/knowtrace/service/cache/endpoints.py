"""DELETE /api/v1/cache/user/{user_id}"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.cache.schemas import ForgottenOut
from knowtrace.service.cache.service import forget
from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import StudentInPath, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource

router = Resource(prefix="/api/v1/cache", tags=["students"])
Manager = Annotated[Caller, may(Permission.JOBS_MANAGE)]


@router.delete("/user/{student_id:id}", response_model=ForgottenOut, responses=answers(422, 503))
async def delete_cache(
    request: Request, classroom: InClassroom, caller: Manager, student_id: StudentInPath
) -> Response:
    """Forget what is remembered of a student; nothing that is stored is lost.

    Nobody needs this in a day's work: what is remembered is used only where the database says that it still holds.
    """
    record_of(request.scope).student_id = student_id
    return reply(await forget(classroom, caller, student_id))
