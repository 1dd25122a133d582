"""From a request to who asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import Scope

from knowtrace.errors import (
    DeniedError,
    RefusedError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
)
from knowtrace.service.identity.caller import LOCAL, Caller
from knowtrace.service.identity.credentials import ApiKey, BearerToken, Cookie, Credential, credential_of
from knowtrace.service.identity.journal import Journal
from knowtrace.service.identity.keys import KeyVerifier, Proved, caller_of_key
from knowtrace.service.identity.limiter import Limiter
from knowtrace.service.identity.sessions import Sessions
from knowtrace.service.identity.tokens import NOT_ACCEPTED, TokenVerifier
from knowtrace.service.record import record_of
from knowtrace.store import Deed

KNOWN = "knowtrace.caller"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Everything that tells who asks. While `is_open`, everybody is `LOCAL` and nobody is asked."""

    is_open: bool
    keys: KeyVerifier
    tokens: TokenVerifier | None
    sessions: Sessions
    limiter: Limiter
    journal: Journal

    async def caller_of(self, scope: Scope) -> Caller:
        """Return who asks; found out once per request, and counted as one request of theirs.

        Raises:
            UnauthenticatedError: nobody we know.
            DeniedError: another site makes a browser send this.
            TooManyError: they ask too often, or show too many wrong credentials.
            UnavailableError: it cannot be found out now.
        """
        known = scope.get(KNOWN)
        if isinstance(known, Caller):
            return known
        caller = LOCAL if self.is_open else await self._identified(scope)
        scope[KNOWN] = caller
        record = record_of(scope)
        record.caller = caller.subject
        if not self.is_open:
            # What one caller may read, a cache between must not hand to another.
            record.headers["Cache-Control"] = "no-store"
            record.headers.update(await self.limiter.count_request(caller))
        return caller

    async def is_still_known(self, scope: Scope) -> bool:
        """Return whether who opened a stream is still known; not counted as a request, and no where it cannot be
        found out.
        """
        if self.is_open:
            return True
        try:
            return await self._identified(scope) == scope.get(KNOWN)
        except (UnauthenticatedError, TooManyError, UnavailableError):
            return False

    async def _identified(self, scope: Scope) -> Caller:
        try:
            credential = credential_of(scope)
        except UnauthenticatedError as error:
            raise RefusedError(str(error)) from error
        if credential is None:
            raise UnauthenticatedError(
                "Nobody knows who asks. Send an API key or a token: `Authorization: Bearer KEY`."
            )
        caller = await self._caller(scope, credential)
        if caller is None:
            raise RefusedError(NOT_ACCEPTED)
        return caller

    async def _caller(self, scope: Scope, credential: Credential) -> Caller | None:
        match credential:
            case ApiKey():
                proved = await self.prove(credential, address_of(scope), record_of(scope).request_id)
                return caller_of_key(proved.stored) if proved else None
            case BearerToken():
                return await self._caller_of_token(credential)
            case Cookie():
                if scope["method"] not in SAFE_METHODS and not is_same_site(scope):
                    raise DeniedError(
                        "Another site made the browser send this. Send it from a page of this service."
                    )
                return await self.sessions.caller(credential)

    async def _caller_of_token(self, token: BearerToken) -> Caller | None:
        # Not limited by address: a signature costs little, and a whole school may share one.
        if self.tokens is None:
            return None
        try:
            return await self.tokens.caller(token)
        except UnauthenticatedError as error:
            raise RefusedError(str(error)) from error

    async def prove(self, key: ApiKey, address: str, request_id: str) -> Proved | None:
        """Return the stored key if the presented one is it, remembering failures by address.

        Raises:
            TooManyError: too many failures from this address.
            UnavailableError: it cannot be found out now.
        """
        proved = await self.keys.proved(key)
        if proved is None:
            if await self.keys.is_refused(key):
                return None
            await self.limiter.check_failures(address)
            proved = await self.keys.prove(key)
        if proved is not None:
            self.journal.used(proved.stored.tenant_id, key.key_id)
            return proved
        await self.limiter.count_failure(address)
        stored = await self.keys.stored(key.key_id)
        if stored is not None:
            deed = Deed(
                subject=f"key:{key.key_id}",
                role=stored.role,
                action="request",
                object=f"key:{key.key_id}",
                outcome="refused",
                request_id=request_id,
            )
            self.journal.denied(stored.tenant_id, deed)
        return None


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def is_same_site(scope: Scope) -> bool:
    """Return whether a browser says that a page of this very service sends the request.

    Old browsers say nothing of `Sec-Fetch-Site` and are judged by `Origin`; who says neither is refused.
    """
    fields: Iterable[tuple[bytes, bytes]] = scope["headers"]
    headers = {name: value.decode("latin-1") for name, value in fields}
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get(b"origin")
    return origin is not None and urlsplit(origin).netloc == headers.get(b"host")
