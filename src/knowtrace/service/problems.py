"""Every error as `application/problem+json` (RFC 9457), with all problems of a request at once."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from knowtrace.errors import KnowTraceError
from knowtrace.service.head import is_endless
from knowtrace.service.record import record_of

log: Any = structlog.get_logger("knowtrace.service")

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "1"
MOST_ERRORS = 100
"""Problems listed in one answer: a thousand bad events would otherwise answer with more bytes than were
sent.
"""


class ProblemDetail(BaseModel):
    """One thing that is wrong with a request: where, and by which rule."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """What went wrong, in the form of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemDetail] | None = None


DESCRIPTIONS = {
    400: "The request breaks a rule.",
    401: "Nobody knows who asks: no credential, or one that is not accepted.",
    403: "The caller may not do this, to this student or at all.",
    404: "A thing that was asked for by name is not there.",
    405: "The path names another thing, with which this cannot be done; Allow says what can.",
    408: "The body took too long to arrive.",
    409: "The request contradicts what is stored.",
    413: "More than one call may carry.",
    422: "The request is malformed; every problem is listed.",
    429: "More than the caller may send in this time, or have open at once; Retry-After says when to ask again.",
    500: "A fault of the service; the request id finds it in the logs.",
    503: "Not able to answer right now; Retry-After says when to ask again.",
}

GUARDED = (401, 403, 429)


def answers(*statuses: int, is_guarded: bool = True) -> dict[int | str, dict[str, Any]]:
    """Declare the problems an endpoint can answer with; 500 and 503 are everyone's, a guard's are those of who asks."""
    slow = {408} if 413 in statuses else set[int]()
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": DESCRIPTIONS[status], "content": content}
        for status in sorted({*statuses, *slow, 500, 503, *(GUARDED if is_guarded else ())})
    }


def problem(
    scope: Scope,
    status: int,
    detail: str,
    *,
    kind: str = "about:blank",
    title: str | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the answer to a request that failed."""
    body: dict[str, Any] = {
        "type": kind,
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": _text(detail),
        "instance": _text(scope["path"]),
        "request_id": record_of(scope).request_id,
    }
    if errors is not None:
        body["errors"] = errors
    extra = {"Retry-After": RETRY_AFTER_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(orjson.dumps(body), status, media_type=MEDIA_TYPE, headers={**extra, **(headers or {})})


async def of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, KnowTraceError)
    record_of(request.scope).error_type = type(error).__name__
    if error.behind:
        log.warning(
            "request not answered", cause=error.behind, request_id=record_of(request.scope).request_id
        )
    words = _words(type(error).__name__.removesuffix("Error"))
    return problem(
        request.scope,
        error.status,
        str(error),
        kind=f"urn:knowtrace:problem:{words.replace(' ', '-')}",
        title=words.capitalize(),
        errors=error.problems,
        headers=headers_of(error),
    )


def headers_of(error: KnowTraceError) -> dict[str, str]:
    """Return the headers that an answer to this error carries."""
    retry = {"Retry-After": RETRY_AFTER_SECONDS} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return {**retry, **error.headers}


async def of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail, headers = error.detail, error.headers
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.scope['path']}. GET /openapi.json lists every route."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": _allowed(request)}
        detail = f"{request.method} is not among the methods of {request.scope['path']}: {headers['Allow']}."
    return problem(request.scope, error.status_code, detail, headers=headers)


def _allowed(request: Request) -> str:
    """Return the methods of a path: the router itself names those of the first route alone."""
    every = list(iter_route_contexts(request.app.routes))
    found = next(route for route in every if route.path_regex.match(request.scope["path"]))
    routes = [route for route in every if route.path_format == found.path_format]
    # What is mounted has no methods of its own: those are files.
    methods = {method for route in routes for method in route.methods or ("GET",)}
    if "GET" in methods and not is_endless(request.scope["path"]):
        methods.add("HEAD")
    return ", ".join(sorted(methods))


async def of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # JSON that cannot be read is found before any guard is asked; who is unknown is told only that.
    try:
        await request.app.state.classroom.identity.caller_of(request.scope)
    except KnowTraceError as unknown:
        return await of_ours(request, unknown)
    found = error.errors()
    errors = [
        {
            "loc": [_text(part) if isinstance(part, str) else part for part in item["loc"]],
            "msg": _text(_message(item)),
            "type": item["type"],
        }
        for item in found[:MOST_ERRORS]
    ]
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    shown = "" if len(found) <= MOST_ERRORS else f", the first {MOST_ERRORS} of them"
    return problem(
        request.scope,
        422,
        f"The request has {count}; `errors` says where and which{shown}.",
        kind="urn:knowtrace:problem:malformed",
        title="Malformed request",
        errors=errors,
    )


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return f"Not JSON: {item.get('ctx', {}).get('error', 'cannot be read')}"
    return str(item["msg"])


def _text(text: str) -> str:
    """Make any text writable as UTF-8: what a client sent may hold half a character."""
    return text.encode("utf-8", "backslashreplace").decode()


def _words(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
