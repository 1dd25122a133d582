"""/v2: health, metadata and inference by the Open Inference Protocol"""

import time
from typing import Annotated

from fastapi import Path, Request
from starlette.responses import Response

from knowtrace import __version__
from knowtrace.service.classroom import Classroom, InClassroom
from knowtrace.service.fallback import answered
from knowtrace.service.fields import reply
from knowtrace.service.health.service import readiness
from knowtrace.service.identity.guard import may, open_to_all
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.inference import service
from knowtrace.service.inference.route import InferenceRoute, protocol_answers
from knowtrace.service.inference.schemas import (
    InferRequest,
    InferResponse,
    ModelMetadata,
    ModelReady,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource

router = Resource(
    prefix="/v2",
    tags=["open inference protocol"],
    route_class=InferenceRoute,
    # Triton's client names no content type; nothing here is stored, so nobody gains by making a browser send it.
    strict_content_type=False,
)

PROBES = open_to_all("probes carry no credentials; they learn that it runs")
READERS = may(Permission.CATALOGUE_READ)
ASKERS = may(Permission.PREDICT)

Model = Annotated[str, Path(description="The model's name, as its metadata give it.")]
Version = Annotated[str, Path(description="The model's version, as its metadata give it.")]


@router.get("", response_model=ServerMetadata, responses=protocol_answers(), dependencies=[READERS])
async def server_metadata() -> Response:
    """Say what server this is."""
    return reply(ServerMetadata(name="knowtrace", version=__version__, extensions=[]))


@router.get(
    "/health/live",
    response_model=ServerLive,
    responses=protocol_answers(is_guarded=False),
    dependencies=[PROBES],
)
async def server_live() -> Response:
    """Say that the process answers."""
    return reply(ServerLive(live=True))


@router.get(
    "/health/ready",
    response_model=ServerReady,
    responses=protocol_answers(503, is_guarded=False),
    dependencies=[PROBES],
)
async def server_ready(classroom: InClassroom) -> Response:
    """Say whether the model is loaded and every part that answers need is there."""
    await readiness(classroom)
    return reply(ServerReady(ready=True))


@router.get(
    "/models/{model}", response_model=ModelMetadata, responses=protocol_answers(404), dependencies=[READERS]
)
async def model_metadata(classroom: InClassroom, model: Model) -> Response:
    """Name the inputs and outputs of a model."""
    return reply(service.metadata(service.named(classroom.lineup, model)))


@router.get(
    "/models/{model}/versions/{version}",
    response_model=ModelMetadata,
    responses=protocol_answers(404),
    dependencies=[READERS],
)
async def model_version_metadata(classroom: InClassroom, model: Model, version: Version) -> Response:
    """Name the inputs and outputs of one version of a model."""
    return reply(service.metadata(service.named(classroom.lineup, model, version)))


@router.get(
    "/models/{model}/ready",
    response_model=ModelReady,
    responses=protocol_answers(404),
    dependencies=[READERS],
)
async def model_ready(classroom: InClassroom, model: Model) -> Response:
    """Say that a model is loaded; one that is not is a 404."""
    return reply(ModelReady(name=service.named(classroom.lineup, model).name, ready=True))


@router.get(
    "/models/{model}/versions/{version}/ready",
    response_model=ModelReady,
    responses=protocol_answers(404),
    dependencies=[READERS],
)
async def model_version_ready(classroom: InClassroom, model: Model, version: Version) -> Response:
    """Say that one version of a model is loaded; one that is not is a 404."""
    return reply(ModelReady(name=service.named(classroom.lineup, model, version).name, ready=True))


@router.post(
    "/models/{model}/infer",
    response_model=InferResponse,
    responses=protocol_answers(400, 404),
    dependencies=[ASKERS],
)
async def model_infer(
    request: Request, classroom: InClassroom, model: Model, asked: InferRequest
) -> Response:
    """Predict one student's answers from a history that is sent; nothing is stored."""
    return await _infer(request, classroom, model, None, asked)


@router.post(
    "/models/{model}/versions/{version}/infer",
    response_model=InferResponse,
    responses=protocol_answers(400, 404),
    dependencies=[ASKERS],
)
async def model_version_infer(
    request: Request, classroom: InClassroom, model: Model, version: Version, asked: InferRequest
) -> Response:
    """Predict by one version of a model; nothing is stored."""
    return await _infer(request, classroom, model, version, asked)


async def _infer(
    request: Request, classroom: Classroom, model: str, version: str | None, asked: InferRequest
) -> Response:
    record = record_of(request.scope)
    started = time.perf_counter()
    first = service.named(classroom.lineup, model, version)
    answer = await answered(
        classroom, None, None, lambda room: service.infer(room, asked), version=first.version
    )
    record.model_version = answer.model_version
    record.inference_time_ms = round((time.perf_counter() - started) * 1e3, 3)
    return reply(answer)
