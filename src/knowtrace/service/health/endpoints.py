"""Probes and metrics, each under /api/v1 and at the root where probes look for them"""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import PlainTextResponse, Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import reply
from knowtrace.service.health.schemas import Dependencies, Live, Ready, Stats
from knowtrace.service.health.service import dependencies, readiness, stats
from knowtrace.service.identity.guard import may, open_to_all
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers

router = APIRouter(tags=["health"])
PROBES = open_to_all("probes carry no credentials; they learn that it runs, and which model")
SCRAPERS = may(Permission.METRICS_READ, also_loopback=True)


@router.get("/health", response_model=Live, include_in_schema=False, dependencies=[PROBES])
@router.get("/api/v1/health", response_model=Live, responses=answers(is_guarded=False), dependencies=[PROBES])
async def live() -> Response:
    """Say that the process answers; it asks no other part, so that a slow database restarts nothing."""
    return reply(Live(status="ok"))


@router.get("/ready", response_model=Ready, include_in_schema=False, dependencies=[PROBES])
@router.get(
    "/api/v1/health/ready",
    response_model=Ready,
    responses=answers(503, is_guarded=False),
    dependencies=[PROBES],
)
async def ready(classroom: InClassroom) -> Response:
    """Say whether the model is loaded, the database answers and answers are taken."""
    return reply(await readiness(classroom))


@router.get("/metrics", include_in_schema=False, dependencies=[SCRAPERS])
@router.get(
    "/api/v1/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **answers()},
    dependencies=[SCRAPERS],
)
async def metrics(classroom: InClassroom) -> Response:
    """Return the counters for Prometheus."""
    return Response(classroom.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.get(
    "/api/v1/health/dependencies", response_model=Dependencies, responses=answers(), dependencies=[SCRAPERS]
)
async def read_dependencies(classroom: InClassroom) -> Response:
    """Return how each part stands that answers rest on. A 200 whatever stands how: `status` says it."""
    return reply(await dependencies(classroom))


@router.get("/api/v1/stats", response_model=Stats, responses=answers(), dependencies=[SCRAPERS])
async def read_stats(classroom: InClassroom) -> Response:
    """Return how this process has been doing since it started."""
    return reply(stats(classroom))
