"""How both clients address the service and write a call as a request."""

from dataclasses import dataclass
from typing import Any

import httpx

from knowtrace import __version__
from knowtrace.client.call import Call


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where to send, and what every request carries."""

    base_url: str
    headers: dict[str, str]
    timeout_seconds: float


def settings_of(base_url: str, api_key: str | None, timeout_seconds: float) -> Settings:
    """Return the settings of a client.

    Raises:
        ValueError: the address is none of http or https, or the time is none.
    """
    if not base_url.startswith(("http://", "https://")):
        raise ValueError(f"base_url ({base_url!r}) must begin with http:// or https://.")
    if not timeout_seconds > 0:
        raise ValueError(f"timeout_seconds ({timeout_seconds}) must be more than 0.")
    headers = {"User-Agent": f"knowtrace-client/{__version__}", "Accept": "application/json"}
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    return Settings(base_url=base_url.rstrip("/"), headers=headers, timeout_seconds=timeout_seconds)


def request_of(http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
    return http.build_request(
        call.method, call.path, params=call.params or None, headers=call.headers, json=call.body
    )
