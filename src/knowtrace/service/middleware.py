"""Around every request: its id, the limits on its body and on how many there are at once, its log line and metrics,
and an answer whatever happens.
"""

import time
from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowtrace.service.bodies import RefusedBody, replay
from knowtrace.service.classroom import Classroom, classroom_of
from knowtrace.service.problems import problem
from knowtrace.service.record import begin_record, record_of
from knowtrace.spans import failed, span

TRACE_CONTEXT = TraceContextTextMapPropagator()


class RequestMiddleware:
    """The outermost layer. Plain ASGI: a wrapper that buffers would stall event streams and cost every
    request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log: Any = structlog.get_logger("knowtrace.service")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = begin_record(scope)
        parent = TRACE_CONTEXT.extract({"traceparent": record.traceparent}) if record.traceparent else None
        with span(scope["method"], kind=SpanKind.SERVER, parent=parent) as current:
            if (here := current.get_span_context()).is_valid:
                record.trace_id = format_trace_id(here.trace_id)
            await self._answer(scope, receive, send, current)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, current: Span) -> None:
        started = time.perf_counter()
        classroom = classroom_of(scope)
        door, record = classroom.door, record_of(scope)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = record.request_id
                if door.is_closing:
                    headers["Connection"] = "close"
                for name, value in record.headers.items():
                    headers[name] = value
            await send(message)

        failure: Exception | None = None
        try:
            body = await classroom.bodies.read(scope, receive)
            if isinstance(body, RefusedBody):
                record.error_type = type(body).__name__
                await problem(scope, body.status, body.detail)(scope, receive, send_with_id)
            elif passage := door.enter(scope):
                with passage:
                    await self._app(scope, replay(body, receive), passage.ending_with(send_with_id))
            else:
                classroom.metrics.refused()
                # Neither logged one by one nor asked who sends it: refusing must stay cheap.
                detail = f"{door.num_inside} requests wait for their answers, the most this process lets in."
                await problem(scope, 503, detail)(scope, receive, send_with_id)
                return
        except Exception as error:  # noqa: BLE001 - the last net: the client gets an answer, the log the place
            failure = error
            failed(current, error)
            if not status:
                detail = (
                    "The service failed on this request. Report the request_id; sending it again may help."
                )
                await problem(scope, 500, detail)(scope, receive, send_with_id)
        self._finish(classroom, scope, status, time.perf_counter() - started, failure)
        route = route_of(scope)
        current.update_name(f"{scope['method']} {route}")
        current.set_attributes(
            {
                "http.request.method": scope["method"],
                "http.route": route,
                "http.response.status_code": status,
                "knowtrace.request_id": record.request_id,
                "knowtrace.model_version": record.model_version or "",
            }
        )

    def _finish(
        self, classroom: Classroom, scope: Scope, status: int, seconds: float, failure: Exception | None
    ) -> None:
        record = record_of(scope)
        route = route_of(scope)
        model_version = record.model_version or classroom.lineup.champion.version
        if failure is not None:
            record.error_type = type(failure).__name__
        classroom.metrics.observe_request(
            scope["method"], route, status, seconds, model_version=model_version, of=record
        )
        fields = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1e3, 3),
            "user_id": None if record.student_id is None else classroom.pseudonyms.of(record.student_id),
            "caller": None if record.caller is None else classroom.pseudonyms.of(record.caller),
            "model_version": model_version,
            "inference_time_ms": record.inference_time_ms,
            "request_id": record.request_id,
            "trace_id": record.trace_id,
        }
        if failure is not None:
            self._log.error("request failed", exc_info=failure, **fields)
        else:
            self._log.info("request", **fields)


def route_of(scope: Scope) -> str:
    """Return the template of a request's path: the path itself may name a student."""
    return getattr(scope.get("route"), "path_format", "unmatched")
