"""Send spans to a collector, where one is named."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

from knowtrace.errors import SettingsError
from knowtrace.settings import Settings


def check_telemetry(settings: Settings) -> None:
    """Raise SettingsError when a collector is named and the extra `telemetry` is not installed."""
    if settings.otlp_endpoint is not None and find_spec("opentelemetry.exporter") is None:
        raise SettingsError(
            f"KNOWTRACE_OTLP_ENDPOINT is {settings.otlp_endpoint}, and nothing is installed that sends spans there: "
            "pip install 'knowtrace[telemetry]'."
        )


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
