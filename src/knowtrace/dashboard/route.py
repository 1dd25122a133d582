"""How pages answer: locked down by headers, and with a page even when something is wrong."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.routing import APIRoute
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import RedirectResponse

from knowtrace.dashboard import formats
from knowtrace.domain import MasteryState
from knowtrace.errors import KnowTraceError, UnauthenticatedError
from knowtrace.service import problems
from knowtrace.service.record import record_of

STATIC = Path(__file__).parent / "static"

SEE_OTHER = 303

HEADERS = {
    # Templates hold no inline style and no inline script, so nothing has to be allowed for them.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("knowtrace.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "percent": formats.percent,
        "points": formats.points,
        "moment": formats.moment,
        "iso": formats.iso,
        "counted": formats.counted,
        "hardness": formats.hardness,
        "for_script": formats.for_script,
        "in_path": formats.in_path,
    }
    words: dict[str, Any] = {"State": MasteryState}
    environment.filters.update(filters)
    environment.globals.update(words)
    return environment


templates = Jinja2Templates(env=_environment())


class PageRoute(APIRoute):
    """Give it to a router as `route_class`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handler(request)
            except UnauthenticatedError:
                response = _to_sign_in(request)
            except KnowTraceError as error:
                response = _failure(request, error)
            response.headers.update(HEADERS)
            return response

        return answer


def _to_sign_in(request: Request) -> Response:
    """Send somebody unknown to sign in, and back to where they wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(wanted, safe='/')}", SEE_OTHER)


def _failure(request: Request, error: KnowTraceError) -> Response:
    record_of(request.scope).error_type = type(error).__name__
    return templates.TemplateResponse(
        request,
        "failure.html",
        {"title": HTTPStatus(error.status).phrase, "detail": str(error)},
        status_code=error.status,
        headers=problems.headers_of(error),
    )
