"""POST /api/v1/predict"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.predictions.schemas import PredictionOut, PredictionRequest
from knowtrace.service.predictions.service import difference, predict
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource

router = Resource(prefix="/api/v1/predict", tags=["predictions"], route_class=JsonRoute)
Asker = Annotated[Caller, may(Permission.PREDICT)]


@router.post("", response_model=PredictionOut, responses=answers(400, 404, 413, 422, 503))
async def post_prediction(
    request: Request,
    classroom: InClassroom,
    caller: Asker,
    asked: PredictionRequest,
) -> Response:
    """Predict a student's answers to the candidate items; nothing is stored.

    A `model_version` is answered by that one, if it is loaded; if not, it is a 404.
    """
    record = record_of(request.scope)
    record.student_id = asked.student
    answer = await answered(
        classroom,
        caller,
        asked.student,
        lambda room: predict(room, caller, asked),
        version=asked.asked_version,
        compare=difference,
    )
    record.model_version = answer.model_version
    record.inference_time_ms = answer.inference_time_ms
    return reply(answer)
