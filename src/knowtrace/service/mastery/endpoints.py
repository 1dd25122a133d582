"""GET /api/v1/mastery/{student_id}"""

import time
from typing import Annotated

from fastapi import Query as FromQuery
from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import StudentInPath, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.mastery.schemas import MasteryQuery, StudentMastery
from knowtrace.service.mastery.service import difference, student_mastery
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource

router = Resource(prefix="/api/v1/mastery", tags=["mastery"])
Reader = Annotated[Caller, may(Permission.MASTERY_READ)]


@router.get("/{student_id:id}", response_model=StudentMastery, responses=answers(404, 422, 503))
async def read_mastery(
    request: Request,
    classroom: InClassroom,
    caller: Reader,
    student_id: StudentInPath,
    query: Annotated[MasteryQuery, FromQuery()],
) -> Response:
    """Return what a student knows, by skill: the practised skills, or all of them with `?all=true`.

    A student who never answered gets the model's expectations of any student, with `interaction_count` 0 and
    a `note`. A skill the model does not know is a 404.
    """
    record = record_of(request.scope)
    record.student_id = student_id
    started = time.perf_counter()
    answer = await answered(
        classroom,
        caller,
        student_id,
        lambda room: student_mastery(room, caller, student_id, query),
        compare=difference,
    )
    record.model_version = answer.model_version
    record.inference_time_ms = round((time.perf_counter() - started) * 1e3, 3)
    return reply(answer)
