"""Where a call may go: hosts that the installation names, and public addresses only unless it says otherwise."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from knowtrace.errors import DataError, UnavailableError

USUAL_PORTS = {"https": 443, "http": 80}
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_URL = 2_000

Resolve = Callable[[str, int], Awaitable[list[str]]]


class ForbiddenAddressError(DataError):
    """A URL that may not be called."""


@dataclass(frozen=True)
class Allowed:
    """`hosts` may be called over https at public addresses; `private_hosts` over http too, and wherever they are.

    A host is a name, with a port where that is not the usual one: `hooks.school.org`, `10.0.0.7:8080`. With
    `is_development`, names of this machine among `hosts` may be called at any port, over http too.
    """

    hosts: Collection[str]
    private_hosts: Collection[str] = ()
    is_development: bool = False

    def check(self, url: str) -> None:
        """Refuse a URL that must not be called.

        Raises:
            ForbiddenAddressError: saying every rule it breaks.
        """
        try:
            parts = urlsplit(url)
            place = place_of(parts)
        except ValueError as error:
            raise ForbiddenAddressError(f"The URL {url!r} may not be called: it is none ({error}).") from None
        problems: list[str] = []
        if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
            problems.append(f"it must have at most {LONGEST_URL} printable characters")
        if parts.username or parts.password or parts.fragment:
            problems.append("it must hold no name, password or fragment")
        is_local, is_private = self._is_local(parts), place in self.private_hosts
        if place not in self.hosts and not is_private and not is_local:
            problems.append(f"{place!r} is not among the hosts that this installation calls")
        schemes = ("https", "http") if is_private or is_local else ("https",)
        if parts.scheme not in schemes:
            problems.append(f"it must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if problems:
            # The whole URL may hold a token, and what is said here of a webhook's is logged.
            raise ForbiddenAddressError(
                f"The URL of host {place!r} may not be called: {'; '.join(problems)}."
            )

    async def address_of(self, url: str, resolve: Resolve) -> str:
        """Return the address to connect to, so that what was checked is what is called.

        Raises:
            UnavailableError: the host has no address now.
            ForbiddenAddressError: it has one that is not public, and it is not among the private hosts.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or USUAL_PORTS[parts.scheme]
        found = await resolve(host, port)
        if not found:
            raise UnavailableError(f"The host {host} has no address.")
        if place_of(parts) not in self.private_hosts:
            may_be_local = self._is_local(parts)
            private = [a for a in found if not is_public(a) and not (may_be_local and _is_loopback(a))]
            if private:
                raise ForbiddenAddressError(
                    f"The host {host} is at {private[0]}, which is not a public address."
                )
        return found[0]

    def _is_local(self, parts: SplitResult) -> bool:
        host = (parts.hostname or "").lower()
        return self.is_development and host in THIS_MACHINE and host in self.hosts


def place_of(parts: SplitResult) -> str:
    """Return the host, with its port unless that is the usual one."""
    host = (parts.hostname or "").lower()
    usual = USUAL_PORTS.get(parts.scheme)
    return host if parts.port is None or parts.port == usual else f"{host}:{parts.port}"


def is_public(address: str) -> bool:
    """Return whether an address is one of the public network, seen through the ways to write IPv4 as IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]
