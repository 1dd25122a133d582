"""Where messages may go: to hosts that are allowed by name, at public addresses, over TLS.

The address is looked up and checked for each delivery, and that very address is connected to: a name that points to
another machine a moment later gains nothing.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from knowtrace.errors import DataError
from knowtrace.settings import Settings

LONGEST_URL = 2_000


class ForbiddenAddressError(DataError):
    """A URL that no message may be sent to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts, and the address its host has right now."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def url(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.scheme}://{shown}:{self.port}{self.path}"

    @property
    def host_header(self) -> str:
        return f"{self.host}:{self.port}"


def check_url(url: str, settings: Settings) -> tuple[str, str, int, str]:
    """Return scheme, host, port and path of a URL. Raises: ForbiddenAddressError when it keeps not the rules."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise ForbiddenAddressError(f"{url!r} is no URL.") from None
    host = (parts.hostname or "").lower()
    problems: list[str] = []
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        problems.append(f"it has at most {LONGEST_URL} printable characters")
    if parts.username or parts.password or parts.fragment:
        problems.append("it holds no user, password or fragment")
    if host not in {name.lower() for name in settings.webhook_hosts}:
        problems.append("its host is one of KNOWTRACE_WEBHOOK_HOSTS")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_local(host, settings)):
        problems.append("it begins with https://")
    if problems:
        raise ForbiddenAddressError(f"No message may be sent to {url!r}: {'; '.join(problems)}.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port, path


async def find_target(url: str, settings: Settings) -> Target:
    """Look up where a URL leads. Raises: ForbiddenAddressError when it may not lead there, OSError when nowhere."""
    scheme, host, port, path = check_url(url, settings)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        ip = ipaddress.ip_address(address.partition("%")[0])
        if not ip.is_global and not (ip.is_loopback and _is_local(host, settings)):
            raise ForbiddenAddressError(f"{host} leads to {address}, which is no public address.")
    return Target(scheme, host, port, path, addresses[0])


def _is_local(host: str, settings: Settings) -> bool:
    """Return whether a host is this machine, which only a developer may send to."""
    return settings.environment == "development" and host in {"localhost", "127.0.0.1", "::1"}
