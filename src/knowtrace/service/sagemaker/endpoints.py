"""GET /ping, POST /invocations"""

import time

from fastapi import APIRouter, Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import reply
from knowtrace.service.identity.guard import may, open_to_all
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute
from knowtrace.service.sagemaker.pulse import Pulse
from knowtrace.service.sagemaker.schemas import Invocation, InvocationOut, PredictionsOut, Row
from knowtrace.service.sagemaker.service import invoke_many, invoke_one

# Clients of endpoints often name no content type; nothing here is stored, so nobody gains by making a browser send it.
router = APIRouter(tags=["inference"], route_class=JsonRoute, strict_content_type=False)
pulse = Pulse()
PROBES = open_to_all("probes carry no credentials; they learn that the model answers")
ASKERS = may(Permission.PREDICT)


@router.get("/ping", response_class=Response, responses=answers(503, is_guarded=False), dependencies=[PROBES])
async def ping(classroom: InClassroom) -> Response:
    """Say with an empty 200 that the model answers; within 2 s whatever it does."""
    await pulse.feel(classroom.tracer)
    return Response()


@router.post(
    "/invocations",
    response_model=InvocationOut | PredictionsOut,
    responses=answers(400, 413, 422),
    dependencies=[ASKERS],
)
async def invoke(request: Request, classroom: InClassroom, body: Invocation) -> Response:
    """Predict from a history that is sent; nothing is stored.

    One student as {"user_sequence": [{"skill_id", "correct"}, …]}, or a table of students in the forms of MLflow:
    dataframe_split, dataframe_records, instances, inputs. An answer named by its skill alone counts as one to an
    unseen item of it.
    """
    record = record_of(request.scope)
    started = time.perf_counter()
    if isinstance(body, Row):
        answer = await answered(classroom, None, None, lambda room: invoke_one(room, body))
    else:
        answer = await answered(classroom, None, None, lambda room: invoke_many(room, body))
    record.model_version = answer.model_version
    record.inference_time_ms = round((time.perf_counter() - started) * 1e3, 3)
    return reply(answer)
