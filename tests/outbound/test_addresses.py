"""Nobody can make us call where we must not."""

import pytest

from knowtrace.errors import UnavailableError
from knowtrace.outbound import Allowed, ForbiddenAddressError, look_up
from knowtrace.outbound.addresses import is_public

ALLOWED = Allowed(hosts=("hooks.example.org",), private_hosts=("lms.internal:8080",))
URL = "https://hooks.example.org/done?job=1"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/",
        "https://hooks.example.org.evil.org/",
        "https://hooks.example.org@evil.org/",
        "https://user:secret@hooks.example.org/",
        "https://hooks.example.org:444/",
        "http://hooks.example.org/",
        "https://lms.internal/",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "//hooks.example.org/",
        "https://[::1/",
        "https://hooks.example.org:x/",
        "https://127.0.0.1/",
        "",
        f"https://hooks.example.org/{'x' * 2_000}",
        "https://hooks.example.org/a b",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="may not be called"):
        ALLOWED.check(url)


def test_a_refusal_names_the_host_and_not_the_token() -> None:
    with pytest.raises(ForbiddenAddressError, match=r"host 'old\.example' .* is not among") as refused:
        ALLOWED.check("https://old.example/services/s3cret?sig=s3cret")
    assert "s3cret" not in str(refused.value)


def test_listed_addresses_pass() -> None:
    for url in (
        URL,
        "https://HOOKS.example.org:443/x",
        "http://lms.internal:8080/",
        "https://lms.internal:8080/",
    ):
        ALLOWED.check(url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("2002:0a00:0001::1", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_names_are_looked_up() -> None:
    assert "127.0.0.1" in [*await look_up("127.0.0.1", 80)]
    assert await look_up("no-such-host.invalid", 80) == []


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "0.0.0.0", "127.0.0.1", "::ffff:10.0.0.7", "224.0.0.1"]
)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    async def moved(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]

    with pytest.raises(ForbiddenAddressError, match="not a public address"):
        await ALLOWED.address_of(URL, moved)


async def test_this_machine_is_for_developers_only() -> None:
    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def beside(host: str, port: int) -> list[str]:
        return ["10.0.0.7"]

    url = "http://127.0.0.1:8123/hook"
    development = Allowed(("127.0.0.1",), is_development=True)
    development.check(url)
    assert await development.address_of(url, here) == "127.0.0.1"
    with pytest.raises(ForbiddenAddressError):
        await development.address_of(url, beside)
    for allowed in (Allowed(("127.0.0.1",)), Allowed(("hooks.example.org",), is_development=True)):
        with pytest.raises(ForbiddenAddressError, match="may not be called"):
            allowed.check(url)


async def test_a_name_without_an_address_is_for_later() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        return []

    with pytest.raises(UnavailableError):
        await ALLOWED.address_of(URL, nowhere)
    assert await look_up(f"{'a' * 70}.example", 80) == [], "no name at all"
