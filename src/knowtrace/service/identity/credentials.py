"""What a request shows of who asks: an API key, a token, or the cookie of a signed-in page."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.types import Scope

from knowtrace.errors import UnauthenticatedError

COOKIE = "knowtrace_session"
LONGEST = 8_192
"""Bytes of a credential; tokens of some identity providers carry many groups."""

API_KEY = re.compile(r"kt_([0-9a-f]{16})_([0-9a-f]{48})")


@dataclass(frozen=True, slots=True, repr=False)
class ApiKey:
    """`kt_<key id>_<secret>`: 64 random bits to find it by, 192 to know it by."""

    key_id: str
    secret: str

    @property
    def text(self) -> str:
        return f"kt_{self.key_id}_{self.secret}"


@dataclass(frozen=True, slots=True, repr=False)
class BearerToken:
    """A signed token of an identity provider."""

    text: str


@dataclass(frozen=True, slots=True, repr=False)
class Cookie:
    """The cookie that signing in has set."""

    text: str


Credential = ApiKey | BearerToken | Cookie


def new_api_key(key_id: str | None = None) -> ApiKey:
    """Draw a key, or a new secret for one."""
    return ApiKey(key_id or secrets.token_hex(8), secrets.token_hex(24))


def read_api_key(text: str) -> ApiKey | None:
    match = API_KEY.fullmatch(text)
    return ApiKey(match[1], match[2]) if match else None


def credential_of(scope: Scope) -> Credential | None:
    """Return what a request shows; None when it shows nothing.

    Raises:
        UnauthenticatedError: it shows something unreadable, or two things.
    """
    shown: list[Credential] = []
    cookies: list[str] = []
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in headers:
        if name == b"authorization":
            shown.append(_bearer(value))
        elif name == b"x-api-key":
            shown.append(_api_key(value.decode("latin-1")))
        elif name == b"cookie":
            cookies.append(value.decode("latin-1"))
    if len(shown) > 1:
        raise UnauthenticatedError("The request carries several credentials. Send one.")
    if shown:
        return shown[0]
    return _cookie(cookies)


def _bearer(value: bytes) -> Credential:
    scheme, _, text = value.decode("latin-1").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text or len(text) > LONGEST:
        raise UnauthenticatedError("The Authorization header holds no bearer credential. Send `Bearer KEY`.")
    return _api_key(text) if text.startswith("kt_") else BearerToken(text)


def _api_key(text: str) -> ApiKey:
    key = read_api_key(text)
    if key is None:
        raise UnauthenticatedError("The credential is not accepted. Send a valid API key or token.")
    return key


def _cookie(headers: list[str]) -> Cookie | None:
    for header in headers:
        try:
            morsel = SimpleCookie(header).get(COOKIE)
        except CookieError:
            continue
        if morsel and len(morsel.value) <= LONGEST:
            return Cookie(morsel.value)
    return None
