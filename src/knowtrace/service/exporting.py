"""OpenTelemetry's SDK, set up: spans go to a collector in batches, in the background. Needs the extra `telemetry`."""

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from knowtrace import __version__

PATIENCE_SECONDS = 5.0


def export_spans(endpoint: str, *, share: float) -> TracerProvider:
    """Export a share of the process's traces, and those whose caller is traced; `shutdown` sends what is left."""
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(share),
        resource=Resource.create({"service.name": "knowtrace", "service.version": __version__}),
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=PATIENCE_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider
