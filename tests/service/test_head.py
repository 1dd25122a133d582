"""HEAD says what GET would, without its body."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowtrace.dashboard import add_pages


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", 200),
        ("/api/v1/mastery/anna", 200),
        ("/api/v1/mastery/anna?skill=alchemy", 404),
        ("/api/v1/students/anna/export", 200),
        ("/", 200),
        ("/static/style.css", 200),
        ("/nowhere", 404),
        ("/api/v1/events", 405),
    ],
)
async def test_head_has_the_status_and_headers_of_get(
    app: FastAPI, client: httpx.AsyncClient, event: Callable[..., dict[str, Any]], path: str, status: int
) -> None:
    add_pages(app)
    await client.post("/api/v1/events", json=event(1))
    got, headed = await client.get(path), await client.head(path)
    assert (got.status_code, headed.status_code, headed.content) == (status, status, b"")
    assert got.content
    assert {**headed.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}


async def test_an_event_stream_has_no_head(client: httpx.AsyncClient) -> None:
    headed = await client.head("/api/v1/students/anna/stream")
    assert (headed.status_code, headed.headers["allow"]) == (405, "GET")
