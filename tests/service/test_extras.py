"""What is not installed is missed before anybody is answered."""

import pytest

from knowtrace.errors import SettingsError
from knowtrace.service import extras
from knowtrace.service.extras import check_extras
from knowtrace.settings import Settings


def test_every_setting_that_needs_more_than_is_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        mlflow_uri="sqlite:///names.db",
        otlp_endpoint="http://127.0.0.1:4318/v1/traces",
        state_cache_url="redis://127.0.0.1/0",
        log_key="0" * 32,
    )
    check_extras(settings)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    named = r"KNOWTRACE_OTLP_ENDPOINT .*telemetry.*KNOWTRACE_MLFLOW_URI .*mlflow.*KNOWTRACE_STATE_CACHE_URL .*redis"
    with pytest.raises(SettingsError, match=named):
        check_extras(settings)
    check_extras(Settings())
