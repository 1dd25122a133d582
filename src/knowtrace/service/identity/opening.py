"""Open everything that tells who asks, once per process."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from knowtrace.service.identity.authenticate import Identity
from knowtrace.service.identity.hashing import Hashing
from knowtrace.service.identity.journal import Journal
from knowtrace.service.identity.key_sets import PublicKeys
from knowtrace.service.identity.keys import KeyVerifier
from knowtrace.service.identity.limiter import Limiter
from knowtrace.service.identity.sessions import Sessions
from knowtrace.service.identity.tokens import TokenRules, TokenVerifier
from knowtrace.settings import Settings
from knowtrace.store import Store


@asynccontextmanager
async def open_identity(
    settings: Settings, store: Store, on_look: Callable[[str, bool], None]
) -> AsyncGenerator[Identity]:
    """Start to tell who asks; on the way out, notes that wait are written. `on_look` as `KeyVerifier` has it.

    Raises:
        SettingsError: a limit or an algorithm that cannot be used.
    """
    limiter, hashing = Limiter(settings), Hashing()
    keys = KeyVerifier(store.find_key, hashing, on_look=on_look)
    try:
        async with Journal(store) as journal:
            yield Identity(
                is_open=settings.is_open,
                keys=keys,
                tokens=_tokens(settings),
                sessions=Sessions(
                    settings.session_key.get_secret_value(), keys, hours=settings.session_hours
                ),
                limiter=limiter,
                journal=journal,
            )
    finally:
        hashing.close()
        await limiter.close()


def _tokens(settings: Settings) -> TokenVerifier | None:
    if not (settings.oidc_issuer and settings.oidc_audience and settings.oidc_keys):
        return None
    rules = TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=settings.oidc_algorithms,
        required=("exp", "iss", "aud", "sub", *(["nbf"] if settings.oidc_needs_nbf else [])),
        tenant_claim=settings.oidc_tenant_claim,
        role_claim=settings.oidc_role_claim,
        student_claim=settings.oidc_student_claim,
        role_names=settings.oidc_role_names,
    )
    return TokenVerifier(rules, PublicKeys(settings.oidc_keys))


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncGenerator[Store]:
    """Open the database with the audit log's key, and bring its tables up to date.

    Raises:
        UnavailableError: it cannot be reached.
    """
    key = settings.audit_key.get_secret_value().encode() if settings.audit_key else b""
    async with Store(
        settings.database_url, lock_wait_seconds=settings.lock_wait_seconds, audit_key=key
    ) as store:
        await store.migrate()
        yield store
