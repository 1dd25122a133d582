"""Errors in the form of the Open Inference Protocol: `{"error": "…"}`."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from knowtrace.errors import KnowTraceError
from knowtrace.service.inference.schemas import InferenceError
from knowtrace.service.problems import DESCRIPTIONS, RETRY_AFTER_SECONDS, answers
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
                return failure(400, _text(error))
            except KnowTraceError as error:
                return failure(error.status, str(error))

        return with_protocol_errors


def failure(status: int, error: str) -> Response:
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == 503 else {}
    body = orjson.dumps({"error": error.encode("utf-8", "backslashreplace").decode()})
    return Response(body, status, headers=headers, media_type="application/json")


def protocol_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare the errors of an endpoint; a fault of the service and a body too large are answered before a route."""
    return {
        **answers(413),
        **{status: {"model": InferenceError, "description": DESCRIPTIONS[status]} for status in statuses},
    }


def _text(error: RequestValidationError) -> str:
    found = error.errors()
    said = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}." for item in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        said.append(f"And {len(found) - MOST_PROBLEMS} more.")
    return " ".join(said)
