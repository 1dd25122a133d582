"""Settings that need what is not installed with the service itself are refused before it opens."""

from importlib.util import find_spec

from knowtrace.errors import SettingsError
from knowtrace.settings import Settings

NEEDS = {
    "otlp_endpoint": ("opentelemetry.exporter", "telemetry"),
    "mlflow_uri": ("mlflow", "mlflow"),
    "model_locations": ("obstore", "cloud"),
    "state_cache_url": ("redis", "redis"),
}
"""Setting: the module that it needs, and the extra that brings it."""


def check_extras(settings: Settings) -> None:
    """Check that all is installed that the settings ask for.

    Raises:
        SettingsError: something is not; every such setting is named.
    """
    missing = [
        f"KNOWTRACE_{name.upper()} needs `pip install 'knowtrace[{extra}]'`"
        for name, (module, extra) in NEEDS.items()
        if getattr(settings, name) and find_spec(module) is None
    ]
    if missing:
        raise SettingsError(f"{'; '.join(missing)}. Or unset it.")
