"""GET /api/v1/skills, GET /api/v1/items"""

from typing import Annotated

from fastapi import Query as FromQuery
from starlette.responses import Response

from knowtrace.service.catalogue import service
from knowtrace.service.catalogue.schemas import CatalogueQuery, ItemsOut, ItemsQuery, SkillsOut
from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import reply
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.route import Resource

router = Resource(prefix="/api/v1", tags=["catalogue"], dependencies=[may(Permission.CATALOGUE_READ)])


@router.get("/skills", response_model=SkillsOut, responses=answers(404, 422))
async def list_skills(classroom: InClassroom, query: Annotated[CatalogueQuery, FromQuery()]) -> Response:
    """Return the skills the model knows."""
    return reply(service.list_skills(classroom, query))


@router.get("/items", response_model=ItemsOut, responses=answers(404, 422))
async def list_items(classroom: InClassroom, query: Annotated[ItemsQuery, FromQuery()]) -> Response:
    """Return the items the model knows, or those of one skill."""
    return reply(service.list_items(classroom, query))
