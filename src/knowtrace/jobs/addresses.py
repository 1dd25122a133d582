"""Where a callback may go: hosts that the installation names, and public addresses only unless it says otherwise."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from knowtrace.errors import DataError, UnavailableError

USUAL_PORTS = {"https": 443, "http": 80}

Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True)
class Allowed:
    """`hosts` may be called over https at public addresses; `private_hosts` over http too, and wherever they are.

    A host is a name, with a port where that is not the usual one: `hooks.school.org`, `10.0.0.7:8080`.
    """

    hosts: Collection[str]
    private_hosts: Collection[str]

    def check(self, url: str) -> None:
        """Refuse an address that must not be called.

        Raises:
            DataError: saying which rule it breaks.
        """
        try:
            parts = urlsplit(url)
            place = _place(parts)
        except ValueError as error:
            raise DataError(f"callback_url {url!r} is no address: {error}.") from None
        if parts.username or parts.password or parts.fragment:
            raise DataError("callback_url holds a name, a password or a fragment: leave them out.")
        if place not in self.hosts and place not in self.private_hosts:
            raise DataError(
                f"callback_url names the host {place!r}, which this installation does not call. It calls those that "
                "KNOWTRACE_CALLBACK_HOSTS and KNOWTRACE_CALLBACK_PRIVATE_HOSTS list."
            )
        schemes = ("https", "http") if place in self.private_hosts else ("https",)
        if parts.scheme not in schemes:
            raise DataError(
                f"callback_url begins with {parts.scheme!r}: {place} is called by {' or '.join(schemes)}."
            )

    async def address_of(self, url: str, resolve: Resolve) -> str:
        """Return the address to connect to, so that what was checked is what is called.

        Raises:
            UnavailableError: the host has no address now.
            DataError: it has one that is not public, and it is not among the private hosts.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or USUAL_PORTS[parts.scheme]
        found = await resolve(host, port)
        if not found:
            raise UnavailableError(f"The host {host} has no address.")
        if _place(parts) not in self.private_hosts:
            private = [address for address in found if not is_public(address)]
            if private:
                raise DataError(f"The host {host} is at {private[0]}, which is not a public address.")
        return found[0]


def _place(parts: SplitResult) -> str:
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


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]
