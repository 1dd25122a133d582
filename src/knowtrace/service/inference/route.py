"""Errors in the form of the Open Inference Protocol: `{"error": "…"}`."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from knowtrace.errors import KnowTraceError
from knowtrace.service.classroom import classroom_of
from knowtrace.service.inference.schemas import InferenceError
from knowtrace.service.problems import DESCRIPTIONS, GUARDED, answers, headers_of
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute

MOST_PROBLEMS = 100


class InferenceRoute(JsonRoute):
    """Give it to a router as `route_class`. What the protocol's own text calls a failed request is a 400."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def with_protocol_errors(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                return await _malformed(request, error)
            except KnowTraceError as error:
                record_of(request.scope).error_type = type(error).__name__
                return failure(error)

        return with_protocol_errors


def failure(error: KnowTraceError) -> Response:
    return _answer(error.status, str(error), headers_of(error))


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    # JSON that cannot be read is found before any guard is asked; who is unknown is told only that.
    try:
        await classroom_of(request.scope).identity.caller_of(request.scope)
    except KnowTraceError as unknown:
        return failure(unknown)
    return _answer(400, _text(error), {})


def _answer(status: int, error: str, headers: Mapping[str, str]) -> Response:
    body = orjson.dumps({"error": error.encode("utf-8", "backslashreplace").decode()})
    return Response(body, status, headers=dict(headers), media_type="application/json")


def protocol_answers(*statuses: int, is_guarded: bool = True) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of an endpoint; what is answered before a route (413, 503 of a full house) is a problem."""
    before = answers(413, is_guarded=False)
    said = sorted({*statuses, 503, *(GUARDED if is_guarded else ())})
    own = {status: {"model": InferenceError, "description": DESCRIPTIONS[status]} for status in said}
    return {**before, **own, 503: {**before[503], **own[503]}}


def _text(error: RequestValidationError) -> str:
    found = error.errors()
    said = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}." for item in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        said.append(f"And {len(found) - MOST_PROBLEMS} more.")
    return " ".join(said)
