"""Send spans to a collector, where one is named."""

from collections.abc import Generator
from contextlib import contextmanager

from knowtrace.settings import Settings


@contextmanager
def exporting_spans(settings: Settings) -> Generator[None]:
    """Export the process's spans to `otlp_endpoint` until the end of the block, which sends what is left."""
    if settings.otlp_endpoint is None:
        yield
        return
    from knowtrace.service.exporting import export_spans  # noqa: PLC0415 - an extra

    provider = export_spans(settings.otlp_endpoint, share=settings.traced_share)
    try:
        yield
    finally:
        provider.shutdown()
