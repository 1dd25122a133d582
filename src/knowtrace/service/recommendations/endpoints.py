"""POST /api/v1/recommendations"""

import time
from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.recommendations.schemas import RecommendationOut, RecommendationRequest
from knowtrace.service.recommendations.service import recommendations
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource

router = Resource(prefix="/api/v1/recommendations", tags=["recommendations"], route_class=JsonRoute)
Asker = Annotated[Caller, may(Permission.DECIDE)]


@router.post("", response_model=RecommendationOut, responses=answers(400, 404, 413, 422, 503))
async def post_recommendations(
    request: Request,
    classroom: InClassroom,
    caller: Asker,
    asked: RecommendationRequest,
) -> Response:
    """Recommend items of one skill that the student is expected to get right about 70 % of the time.

    Items answered correctly within the last 30 days are left out. Every list is logged under its
    `decision_id`. `use_rl` true is a 400: this version has no bandit.
    """
    record = record_of(request.scope)
    record.student_id = asked.student
    started = time.perf_counter()
    answer = await answered(
        classroom, caller, asked.student, lambda room: recommendations(room, caller, asked)
    )
    record.model_version = answer.model_version
    record.inference_time_ms = round((time.perf_counter() - started) * 1e3, 3)
    return reply(answer)
