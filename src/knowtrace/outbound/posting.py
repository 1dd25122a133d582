"""One signed POST to an address that was just checked."""

import functools
import ssl
from collections.abc import Mapping

import httpx

from knowtrace.outbound.addresses import Allowed, Resolve, look_up
from knowtrace.outbound.signing import HEADER, sign


@functools.cache
def _authorities() -> ssl.SSLContext:
    # Reading all their certificates holds up the event loop for tens of milliseconds: once, not at every call.
    return httpx.create_ssl_context(trust_env=False)


def caller(timeout: float, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return a client for `post`: it follows no redirect and uses no proxy, and gives up after `timeout` seconds."""
    return httpx.AsyncClient(
        timeout=timeout, transport=transport, verify=_authorities(), follow_redirects=False, trust_env=False
    )


async def post(
    client: httpx.AsyncClient,
    allowed: Allowed,
    url: str,
    body: bytes,
    *,
    key: bytes,
    at: int,
    headers: Mapping[str, str] | None = None,
    resolve: Resolve = look_up,
) -> int:
    """Send JSON, signed as of `at` (seconds since 1970), and return the status; the answer's body is not read.

    The host is looked up and checked for each call, and that very address is connected to: a name that points to
    another machine a moment later gains nothing. `client` is a `caller`.

    Raises:
        ForbiddenAddressError: the URL may not be called, or leads where nothing may be called.
        UnavailableError: its host has no address.
        httpx.InvalidURL: httpx cannot call it.
        httpx.HTTPError: the call failed.
    """
    allowed.check(url)
    address = await allowed.address_of(url, resolve)
    target = httpx.URL(url)
    async with client.stream(
        "POST",
        target.copy_with(host=address),
        content=body,
        headers={
            **(headers or {}),
            "Host": target.netloc.decode(),
            "Content-Type": "application/json",
            HEADER: sign(key, body, at=at),
        },
        extensions={"sni_hostname": target.raw_host.decode()},
    ) as answer:
        return answer.status_code
