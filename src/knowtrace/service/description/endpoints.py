"""GET /openapi.json, GET /docs, GET /redoc: behind a guard like everything else"""

import orjson
from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import Response

from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission

SCHEMA = "/openapi.json"

router = APIRouter(include_in_schema=False, dependencies=[may(Permission.CATALOGUE_READ)])


@router.get(SCHEMA)
async def read_schema(request: Request) -> Response:
    """Return every route, what it takes and what it answers, as OpenAPI."""
    return Response(orjson.dumps(request.app.openapi()), media_type="application/json")


@router.get("/docs")
async def show_docs(request: Request) -> Response:
    """Show the schema as a page to try routes on."""
    return get_swagger_ui_html(openapi_url=SCHEMA, title=request.app.title)


@router.get("/redoc")
async def show_reference(request: Request) -> Response:
    """Show the schema as a page to read."""
    return get_redoc_html(openapi_url=SCHEMA, title=request.app.title)
