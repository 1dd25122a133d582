"""What an installation must not be started with."""

import ipaddress

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from knowtrace.errors import SettingsError
from knowtrace.settings import Settings

SHORTEST_SECRET = 32
FEWEST_DIFFERENT = 8
DEFAULT_PASSWORDS = frozenset(
    {
        "",
        "admin",
        "changeme",
        "default",
        "knowtrace",
        "password",
        "postgres",
        "redis",
        "root",
        "secret",
        "test",
    }
)

FROM_ELSEWHERE = ("model_locations", "mlflow_uri", "follow_model")
"""Settings by which a run is served that was not put on this machine by hand."""


def refuse_unsafe(settings: Settings) -> None:
    """Refuse to serve without asking who asks where others can reach it, secrets that others can guess, and models that
    nobody vouches for.

    Raises:
        SettingsError: naming every setting that is unsafe; the values of secrets are not repeated.
    """
    problems = _problems(settings)
    if problems:
        raise SettingsError("These settings are not safe to serve with: " + "; ".join(problems) + ".")


def _problems(settings: Settings) -> list[str]:
    problems: list[str] = []
    is_said = settings.environment == "development" and "environment" in settings.model_fields_set
    if settings.is_open and settings.environment == "production":
        problems.append("auth is open in production: set KNOWTRACE_AUTH=keys")
    elif settings.is_open and not is_said and not _is_loopback(settings.host):
        problems.append(
            f"auth is open and host {settings.host} can be reached from elsewhere: set KNOWTRACE_AUTH=keys, or say "
            "KNOWTRACE_ENVIRONMENT=development if everybody there may read and write everything"
        )
    oidc = (settings.oidc_issuer, settings.oidc_audience, settings.oidc_keys)
    if any(oidc) and not all(oidc):
        problems.append("oidc_issuer, oidc_audience and oidc_keys belong together: set all three")
    if settings.environment != "development":
        problems += _weak_secrets(settings)
        if (settings.oidc_keys or "").startswith("http://"):
            problems.append("oidc_keys are fetched without TLS: use https")
        elsewhere = [name for name in FROM_ELSEWHERE if getattr(settings, name)]
        if elsewhere and not settings.trusted_keys:
            problems.append(
                f"{', '.join(elsewhere)}: models come from elsewhere, and nobody has to have signed them; set "
                "KNOWTRACE_TRUSTED_KEYS to who may (`knowtrace sign --new-keys` makes a pair)"
            )
    return problems


def _weak_secrets(settings: Settings) -> list[str]:
    keys = {
        "log_key": settings.log_key.get_secret_value(),
        "session_key": settings.session_key.get_secret_value(),
        "audit_key": settings.audit_key.get_secret_value() if settings.audit_key else "",
    }
    if settings.seal_key is not None:
        keys["seal_key"] = settings.seal_key.get_secret_value()
    problems = [problem for name, value in keys.items() for problem in _weak(name, value)]
    if settings.callback_hosts or settings.callback_private_hosts:
        problems += _weak(
            "callback_key", settings.callback_key.get_secret_value() if settings.callback_key else ""
        )
    published_to = settings.lake_database_url
    urls = {
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
        "state_cache_url": settings.state_cache_url,
        "lake_database_url": published_to.get_secret_value() if published_to else None,
    }
    for name, url in urls.items():
        if url and (_password(url) or "none") in DEFAULT_PASSWORDS:
            problems.append(f"{name} has a password that everybody knows: give it another")
    return problems


def _weak(name: str, value: str) -> list[str]:
    if len(value) >= SHORTEST_SECRET and len(set(value)) >= FEWEST_DIFFERENT:
        return []
    return [
        f"{name} {'can be guessed' if value else 'is not set'}: give {SHORTEST_SECRET} or more random characters, as "
        "`openssl rand -hex 32` makes them"
    ]


def _password(url: str) -> str | None:
    try:
        return make_url(url).password
    except ArgumentError:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
