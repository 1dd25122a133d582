"""What is sent names the host as HTTP and TLS write it, at the address that was checked."""

import ssl

import httpx
import pytest

from knowtrace.outbound import Allowed, caller, post


@pytest.mark.parametrize(
    ("url", "allowed", "address", "host", "name"),
    [
        ("https://hook.example:443/x", "hook.example", "93.184.216.34", "hook.example", "hook.example"),
        ("http://[fd00::1]:8080/x", "fd00::1:8080", "fd00::1", "[fd00::1]:8080", "fd00::1"),
        ("https://[fd00::1]/x", "fd00::1", "fd00::1", "[fd00::1]", "fd00::1"),
        (
            "https://schüle.example:8443/x",
            "schüle.example:8443",
            "93.184.216.34",
            "xn--schle-mva.example:8443",
            "xn--schle-mva.example",
        ),
    ],
)
async def test_the_host_is_named_as_it_is_written_on_the_wire(
    url: str, allowed: str, address: str, host: str, name: str
) -> None:
    sent: list[httpx.Request] = []

    async def found(_host: str, _port: int) -> list[str]:
        return [address]

    def take(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(204)

    async with caller(1, httpx.MockTransport(take)) as client:
        status = await post(client, Allowed([], [allowed]), url, b"{}", key=b"k", at=1, resolve=found)
    [request] = sent
    assert (status, request.headers["host"], request.extensions["sni_hostname"]) == (204, host, name)
    assert request.url.host == address


async def test_certificates_are_read_once_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes tens of milliseconds, in which nothing else is answered."""
    async with caller(1):
        pass
    read: list[str] = []
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: read.append("again"))
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: read.append("again"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with caller(2) as client:
        pool = client._transport._pool  # pyright: ignore
        assert pool._ssl_context.verify_mode == ssl.CERT_REQUIRED
        assert pool._ssl_context.check_hostname
        assert [transport for transport in client._mounts.values() if transport] == []
    assert read == []
