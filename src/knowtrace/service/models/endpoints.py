"""GET /api/v1/models, and what an operator does with them"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import Id, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.models import service
from knowtrace.service.models.schemas import AliasIn, ModelOut, ModelsOut, ShareIn, VersionIn
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource
from knowtrace.store import ModelRole

router = Resource(prefix="/api/v1/models", tags=["models"], route_class=JsonRoute)
Operator = Annotated[Caller, may(Permission.MODELS_MANAGE)]


@router.get("", response_model=ModelsOut, responses=answers(503))
async def list_models(classroom: InClassroom, caller: Operator) -> Response:
    """Return the models that are loaded or could be, and the part each plays."""
    return reply(await service.list_models(classroom))


@router.post("/rollback", response_model=ModelOut, responses=answers(409, 503))
async def roll_back(request: Request, classroom: InClassroom, caller: Operator) -> Response:
    """Let the previous champion answer again, in every process within seconds."""
    return reply(await service.roll_back(classroom, caller, record_of(request.scope).request_id))


@router.post("/follow", response_model=ModelOut, responses=answers(404, 409, 413, 422, 500, 503))
async def follow_alias(request: Request, classroom: InClassroom, caller: Operator, body: AliasIn) -> Response:
    """Activate what an alias of the MLflow registry stands for now, fetched if it is not here yet."""
    return reply(await service.follow(classroom, caller, body.alias, record_of(request.scope).request_id))


@router.delete("/canary", response_model=ModelsOut, responses=answers(409, 503))
async def end_canary(request: Request, classroom: InClassroom, caller: Operator) -> Response:
    """Let the champion answer all students again."""
    request_id = record_of(request.scope).request_id
    return reply(await service.end(classroom, caller, ModelRole.CANARY, request_id))


@router.delete("/shadow", response_model=ModelsOut, responses=answers(409, 503))
async def end_shadow(request: Request, classroom: InClassroom, caller: Operator) -> Response:
    """Let no model compute in the shadow any more."""
    request_id = record_of(request.scope).request_id
    return reply(await service.end(classroom, caller, ModelRole.SHADOW, request_id))


@router.post("/{name}/load", response_model=ModelOut, responses=answers(404, 409, 413, 422, 500, 503))
async def load_model(classroom: InClassroom, caller: Operator, name: Id, body: VersionIn) -> Response:
    """Verify a run of the folder of models, or one from a shelf, load it and warm it up; it answers nobody yet."""
    return reply(await service.load_model(classroom, name, body.version))


@router.post("/{name}/unload", response_model=ModelOut, responses=answers(404, 409, 413, 422, 503))
async def unload_model(classroom: InClassroom, caller: Operator, name: Id, body: VersionIn) -> Response:
    """Unload a model that plays no part."""
    return reply(await service.unload_model(classroom, name, body.version))


@router.post("/{name}/activate", response_model=ModelOut, responses=answers(404, 409, 413, 422, 500, 503))
async def activate(
    request: Request, classroom: InClassroom, caller: Operator, name: Id, body: VersionIn
) -> Response:
    """Let a version answer from now on; the one before stays loaded behind it, and states are rebuilt as they are
    needed. Every answer is computed by one version and names it.
    """
    request_id = record_of(request.scope).request_id
    return reply(await service.activate(classroom, caller, name, body.version, request_id))


@router.post("/{name}/canary", response_model=ModelOut, responses=answers(404, 409, 413, 422, 500, 503))
async def begin_canary(
    request: Request, classroom: InClassroom, caller: Operator, name: Id, body: ShareIn
) -> Response:
    """Let a version answer a share of the students, always the same ones.

    It is withdrawn by itself when it fails three times, or takes more than twice as long as the champion.
    """
    request_id = record_of(request.scope).request_id
    return reply(
        await service.assign(classroom, caller, ModelRole.CANARY, name, body.version, body.share, request_id)
    )


@router.post("/{name}/shadow", response_model=ModelOut, responses=answers(404, 409, 413, 422, 500, 503))
async def begin_shadow(
    request: Request, classroom: InClassroom, caller: Operator, name: Id, body: VersionIn
) -> Response:
    """Let a version compute every prediction and mastery a second time, for nobody to see but the metrics."""
    request_id = record_of(request.scope).request_id
    return reply(
        await service.assign(classroom, caller, ModelRole.SHADOW, name, body.version, 1.0, request_id)
    )
