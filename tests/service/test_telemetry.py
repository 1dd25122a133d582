"""Traces follow a request through store and model, and name nobody."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.service.conftest import Body
from tests.service.processes import served

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
STUDENT = "anna-of-the-third-row"

EXPORTER = InMemorySpanExporter()


@pytest.fixture
def spans() -> Iterator[Callable[[], dict[str, ReadableSpan]]]:
    """Return the finished spans by name; OpenTelemetry takes one provider per process, so it stays."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(EXPORTER))
        trace.set_tracer_provider(provider)
    EXPORTER.clear()
    yield lambda: {span.name: span for span in EXPORTER.get_finished_spans()}
    EXPORTER.clear()


async def test_a_callers_trace_goes_on_through_store_and_model(
    client: httpx.AsyncClient,
    event: Callable[..., Body],
    spans: Callable[[], dict[str, ReadableSpan]],
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    await client.post("/api/v1/events", json=event(1, student_id=STUDENT), headers=headers)
    await client.get(f"/api/v1/mastery/{STUDENT}", headers=headers)
    await asyncio.sleep(0.05)
    found = spans()
    posted, read = found["POST /api/v1/events"], found["GET /api/v1/mastery/{student_id}"]
    for request in (posted, read):
        assert f"{request.context.trace_id:032x}" == TRACE
        assert request.parent is not None
        assert f"{request.parent.span_id:016x}" == CALLER
        assert (request.attributes or {})["http.response.status_code"] == 200
    assert found["model.mastery"].context.trace_id == read.context.trace_id
    assert found["store.glance"].context.trace_id == read.context.trace_id
    [link] = found["intake.commit"].links
    assert link.context.span_id == posted.context.span_id
    assert found["model.follow"].parent == found["intake.commit"].context
    assert found["store.transaction"].context.trace_id == found["intake.commit"].context.trace_id
    assert all(STUDENT not in span.to_json() for span in EXPORTER.get_finished_spans())


async def test_a_failure_is_named_by_its_class_alone(
    app: FastAPI, spans: Callable[[], dict[str, ReadableSpan]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"{STUDENT} broke it")

    monkeypatch.setattr(app.state.classroom.lineup, "of_student", fails)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(f"/api/v1/mastery/{STUDENT}")).status_code == 500
    request = spans()["GET /api/v1/mastery/{student_id}"]
    assert (request.attributes or {})["error.type"] == "RuntimeError"
    assert not request.events
    assert STUDENT not in request.to_json()


class Collector(BaseHTTPRequestHandler):
    received: list[ExportTraceServiceRequest]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_real_process_sends_its_spans_when_it_ends_at_the_latest(tmp_path: Path, tiny_run: Path) -> None:
    received: list[ExportTraceServiceRequest] = []
    collector = HTTPServer(("127.0.0.1", 0), type("Here", (Collector,), {"received": received}))
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    with served(tmp_path, tiny_run, otlp_endpoint=endpoint, traced_share="1") as service:
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(20)
    collector.shutdown()
    collector.server_close()
    names = {
        span.name
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert "GET /ready" in names
