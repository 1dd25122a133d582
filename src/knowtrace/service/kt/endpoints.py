"""GET /api/kt/mastery"""

import time
from typing import Annotated

from fastapi import Query as FromQuery
from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.kt.schemas import MasteryVector, VectorQuery
from knowtrace.service.kt.service import mastery_vector
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource

router = Resource(prefix="/api/kt/mastery", tags=["mastery"])
Asker = Annotated[Caller, may(Permission.DECIDE)]


@router.get("", response_model=MasteryVector, responses=answers(422, 503))
async def read_mastery_vector(
    request: Request,
    classroom: InClassroom,
    caller: Asker,
    query: Annotated[VectorQuery, FromQuery()],
) -> Response:
    """Return the mastery of every skill by its id, and the next item to ask."""
    record = record_of(request.scope)
    record.student_id = query.student
    started = time.perf_counter()
    answer = await answered(
        classroom, caller, query.student, lambda room: mastery_vector(room, caller, query)
    )
    record.model_version = answer.model_version
    record.inference_time_ms = round((time.perf_counter() - started) * 1e3, 3)
    return reply(answer)
