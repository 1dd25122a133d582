"""What the service must not be started with, and where secrets come from."""

from pathlib import Path
from typing import Any

import pytest

from knowtrace.errors import SettingsError
from knowtrace.service.identity.refusals import refuse_unsafe
from knowtrace.settings import Settings

STRONG = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"
SAFE = {"environment": "production", "auth": "keys", "audit_key": STRONG, "host": "0.0.0.0"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "0.0.0.0", "auth": "keys"},
        {"host": "0.0.0.0", "environment": "development"},
        SAFE,
        {**SAFE, "auth": None},
        {**SAFE, "session_key": STRONG, "redis_url": "redis://cache:6379/0"},
        {**SAFE, "database_url": "postgresql+psycopg://u:a-long-password@db/knowtrace"},
        {"model_locations": ("s3://school/models",)},
        {**SAFE, "model_locations": ("s3://school/models",), "trusted_keys": (Path("school.pub"),)},
    ],
    ids=str,
)
def test_what_may_be_served(settings: dict[str, Any]) -> None:
    refuse_unsafe(Settings(**settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "0.0.0.0"}, "KNOWTRACE_AUTH=keys"),
        ({"host": "10.0.0.5", "auth": "open"}, "can be reached from elsewhere"),
        ({"host": "school.example"}, "can be reached from elsewhere"),
        ({**SAFE, "auth": "open"}, "auth is open in production"),
        ({**SAFE, "audit_key": None}, "audit_key"),
        ({**SAFE, "audit_key": "short"}, "audit_key"),
        ({**SAFE, "session_key": "changeme" * 5}, "session_key"),
        ({**SAFE, "log_key": "a" * 64}, "log_key"),
        ({**SAFE, "database_url": "postgresql+psycopg://postgres:postgres@db/x"}, "database_url"),
        ({**SAFE, "redis_url": "redis://:password@cache:6379/0"}, "redis_url"),
        (
            {**SAFE, "log_key": STRONG, "state_cache_url": "redis://:redis@cache:6379/0"},
            "state_cache_url has a password",
        ),
        (
            {**SAFE, "lake_database_url": "postgresql://postgres:postgres@db/bi"},
            "lake_database_url has a password",
        ),
        ({"oidc_issuer": "https://school.example"}, "belong together"),
        (
            {**SAFE, "oidc_issuer": "x", "oidc_audience": "y", "oidc_keys": "http://school.example/keys"},
            "without TLS",
        ),
        ({**SAFE, "model_locations": ("s3://school/models",)}, "model_locations: models come from elsewhere"),
        ({**SAFE, "mlflow_uri": "https://mlflow.school.example"}, "KNOWTRACE_TRUSTED_KEYS"),
        ({**SAFE, "follow_model": "models:/dkt@champion"}, "KNOWTRACE_TRUSTED_KEYS"),
    ],
)
def test_what_may_not_be_served_and_no_secret_in_the_reason(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match="not safe") as refused:
        refuse_unsafe(Settings(**settings))
    assert said in str(refused.value)
    assert "changeme" not in str(refused.value)
    assert ":postgres@" not in str(refused.value)


def test_all_unsafe_settings_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        refuse_unsafe(Settings(environment="production", auth="open", log_key="x", session_key="y"))
    for name in ("auth", "log_key", "session_key", "audit_key"):
        assert name in str(refused.value)


def test_open_is_the_default_in_development_only() -> None:
    assert Settings().is_open
    assert not Settings(environment="production").is_open
    assert not Settings(auth="keys").is_open


def test_secrets_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{STRONG}\n")
    monkeypatch.setenv("KNOWTRACE_SESSION_KEY_FILE", str(file))
    settings = Settings()
    assert settings.session_key.get_secret_value() == STRONG
    assert STRONG not in repr(settings)
    monkeypatch.setenv("KNOWTRACE_SESSION_KEY", "x")
    with pytest.raises(SettingsError, match="Keep one of them"):
        Settings()
    monkeypatch.delenv("KNOWTRACE_SESSION_KEY")
    monkeypatch.setenv("KNOWTRACE_SESSION_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings()
