"""The application: every resource under one roof, every error in one form."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from knowtrace import __version__
from knowtrace.errors import KnowTraceError
from knowtrace.service import problems
from knowtrace.service.audit.endpoints import router as audit
from knowtrace.service.batch.endpoints import router as batch
from knowtrace.service.cache.endpoints import router as cache
from knowtrace.service.caliper.endpoints import router as caliper
from knowtrace.service.catalogue.endpoints import router as catalogue
from knowtrace.service.classroom import open_classroom
from knowtrace.service.consents.endpoints import router as consents
from knowtrace.service.description.endpoints import router as description
from knowtrace.service.erasure.endpoints import router as erasure
from knowtrace.service.events.endpoints import router as events
from knowtrace.service.export.endpoints import router as export
from knowtrace.service.head import HeadMiddleware
from knowtrace.service.health.endpoints import router as health
from knowtrace.service.identity.guard import Guard, guards_of
from knowtrace.service.inference.endpoints import router as inference
from knowtrace.service.keys.endpoints import router as keys
from knowtrace.service.kt.endpoints import router as kt
from knowtrace.service.mastery.endpoints import router as mastery
from knowtrace.service.middleware import RequestMiddleware
from knowtrace.service.models.endpoints import router as models
from knowtrace.service.models.following import following_alias
from knowtrace.service.predictions.endpoints import router as predictions
from knowtrace.service.recommendations.endpoints import router as recommendations
from knowtrace.service.sagemaker.endpoints import router as sagemaker
from knowtrace.service.schedules.endpoints import router as schedules
from knowtrace.service.schedules.keeping import keeping_time
from knowtrace.service.students.endpoints import router as students
from knowtrace.service.telemetry import exporting_spans
from knowtrace.service.warming import warm
from knowtrace.service.webhooks.endpoints import router as webhooks
from knowtrace.service.workers import working
from knowtrace.service.xapi.endpoints import router as xapi
from knowtrace.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Build the service; entering its lifespan opens the run and the database."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        with exporting_spans(settings):
            async with (
                open_classroom(settings) as classroom,
                working(classroom) as crew,
                keeping_time(classroom) as timetable,
                following_alias(classroom),
            ):
                await warm(classroom.store, classroom.lineup.champion, most=settings.warm_students)
                app.state.crew, app.state.timetable = crew, timetable
                app.state.classroom = classroom
                yield

    app = FastAPI(
        title="KnowTrace",
        summary="From students' answers to an honest picture of what each of them knows.",
        version=__version__,
        lifespan=lifespan,
        # A trailing slash is another path: a redirect would answer with a body that is no problem of ours.
        redirect_slashes=False,
        # The function's name alone: a generated client makes its method of it.
        generate_unique_id_function=lambda route: route.name,
        # FastAPI would serve these to everybody; ours stand behind a guard.
        openapi_url=None,
        # FastAPI's own spans carry paths, and so students' ids; `knowtrace.spans` makes ours.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    # What is asked most often stands first: each request is compared with one after the other.
    for router in (
        events,
        mastery,
        predictions,
        recommendations,
        health,
        description,
        audit,
        xapi,
        caliper,
        webhooks,
        batch,
        kt,
        students,
        export,
        consents,
        erasure,
        cache,
        keys,
        catalogue,
        models,
        schedules,
    ):
        app.include_router(router)
    app.include_router(sagemaker)
    app.include_router(inference)
    app.add_exception_handler(KnowTraceError, problems.of_ours)
    app.add_exception_handler(RequestValidationError, problems.of_validation)
    app.add_exception_handler(HTTPException, problems.of_http)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(RequestMiddleware)
    app.openapi = lambda: _openapi(app)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the schema with our problem in it: FastAPI only knows the ones that endpoints return."""
    if not app.openapi_schema:
        schema = FastAPI.openapi(app)
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        described = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(described.pop("$defs", {}))
        components["Problem"] = described
        _drop_refusals_of_framework(schema)
        _describe_credentials(app, schema)
    return app.openapi_schema or {}


def _drop_refusals_of_framework(schema: dict[str, Any]) -> None:
    """Take out the 422 that FastAPI declares where an endpoint declares none: nothing of ours answers so."""
    for operation in (one for methods in schema["paths"].values() for one in methods.values()):
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _describe_credentials(app: FastAPI, schema: dict[str, Any]) -> None:
    """Say which operations ask who calls, and how to tell them."""
    schema["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key or a token of the provider.",
        },
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None or not any(isinstance(guard, Guard) for guard in guards_of(dependant)):
            continue
        for method, operation in schema["paths"].get(route.path_format, {}).items():
            if method.upper() in route.methods:
                operation["security"] = [{"bearer": []}, {"key": []}]
