"""POST /api/v1/predict/batch and /api/v1/batch/…"""

from typing import Annotated

from fastapi import Query as FromQuery
from fastapi import Request
from starlette.responses import Response

from knowtrace.service.batch import service
from knowtrace.service.batch.schemas import (
    BatchOut,
    BatchRequest,
    JobOut,
    JobRequest,
    ResultsOut,
    ResultsQuery,
)
from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import Id, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource

router = Resource(prefix="/api/v1", tags=["batch"], route_class=JsonRoute)
Asker = Annotated[Caller, may(Permission.PREDICT)]
Submitter = Annotated[Caller, may(Permission.JOBS_MANAGE, Permission.PREDICT)]
Manager = Annotated[Caller, may(Permission.JOBS_MANAGE)]


@router.post("/predict/batch", response_model=BatchOut, responses=answers(400, 404, 413, 422, 503))
async def post_predictions(
    request: Request, classroom: InClassroom, caller: Asker, asked: BatchRequest
) -> Response:
    """Predict the answers to up to 100 requests; nothing is stored. One that cannot be answered fails the call."""
    record = record_of(request.scope)
    answer = await service.predict_batch(classroom, caller, asked)
    record.model_version = answer.model_version
    record.inference_time_ms = answer.total_inference_time_ms
    record.batch_size = len(asked.requests)
    return reply(answer)


@router.post(
    "/batch/submit", status_code=202, response_model=JobOut, responses=answers(400, 413, 422, 429, 503)
)
async def submit_job(classroom: InClassroom, caller: Submitter, asked: JobRequest) -> Response:
    """Let up to 10,000 requests be answered in the background. The job is stored when this answers."""
    return reply(await service.submit_job(classroom, caller, asked), 202)


@router.get("/batch/{job_id}/status", response_model=JobOut, responses=answers(404, 422, 503))
async def read_job_status(classroom: InClassroom, caller: Manager, job_id: Id) -> Response:
    """Say how far a job is."""
    return reply(await service.read_status(classroom, caller, job_id))


@router.get("/batch/{job_id}/results", response_model=ResultsOut, responses=answers(404, 409, 422, 503))
async def read_job_results(
    classroom: InClassroom, caller: Manager, job_id: Id, query: Annotated[ResultsQuery, FromQuery()]
) -> Response:
    """Return what a completed job came to, in the order of its requests."""
    return reply(await service.read_results(classroom, caller, job_id, query))


@router.delete("/batch/{job_id}", response_model=JobOut, responses=answers(404, 422, 503))
async def cancel_job(classroom: InClassroom, caller: Manager, job_id: Id) -> Response:
    """End a job before its time; its requests and what was computed are deleted. An ended job stays as it is."""
    return reply(await service.cancel_job(classroom, caller, job_id))
