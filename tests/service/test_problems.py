"""Errors have one form, every response an id, and the description of the API tells the truth about both."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from knowtrace.service.classroom import Classroom

FIELDS = {"type", "title", "status", "detail", "instance", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/events/", 405),
        ("GET", "/api/v1/nothing/", 404),
        ("DELETE", "/api/v1/events", 405),
        ("GET", "/api/v1/mastery/anna?skill=alchemy", 404),
        ("GET", "/api/v1/students?limit=0", 422),
        ("POST", "/api/v1/predict", 422),
    ],
)
async def test_every_error_has_the_same_form(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(body) - {"errors"} == FIELDS
    assert ("errors" in body) == (status == 422)
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == path.partition("?")[0]


async def test_405_names_the_methods_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/events")
    assert answer.headers["allow"] == "POST"
    assert "POST" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/keys", "GET, HEAD, POST"),
        ("/api/v1/events/a/b", "DELETE, PUT"),
        ("/api/v1/students/anna/consent", "GET, HEAD, PUT"),
        ("/api/v1/students/anna/events", "GET, HEAD"),
        ("/xapi/statements", "POST, PUT"),
    ],
)
async def test_405_names_the_methods_of_all_routes_of_a_path(
    client: httpx.AsyncClient, path: str, methods: str
) -> None:
    assert (await client.patch(path)).headers["allow"] == methods


async def test_a_fault_of_ours_is_500_without_its_text(
    client: httpx.AsyncClient, classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret of anna")

    monkeypatch.setattr(type(classroom.tracer), "mastery", fail)
    answer = await client.get("/api/v1/mastery/anna")
    assert answer.status_code == 500
    assert set(answer.json()) == FIELDS
    assert "secret" not in answer.text
    assert (await client.get("/api/v1/health")).status_code == 200


async def test_a_sane_request_id_is_kept_and_another_replaced(client: httpx.AsyncClient) -> None:
    kept = await client.get("/health", headers={"x-request-id": "trace:42"})
    assert kept.headers["x-request-id"] == "trace:42"
    for bad in ("a b", "x" * 129, "<script>"):
        replaced = await client.get("/health", headers={"x-request-id": bad})
        assert re.fullmatch(r"[0-9a-f]{32}", replaced.headers["x-request-id"])


async def test_the_description_declares_problems_as_problems(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert set(schema["components"]["schemas"]["Problem"]["required"]) == FIELDS
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert any(status.startswith("2") for status in operation["responses"])
            for status, declared in operation["responses"].items():
                if not status.startswith("2"):
                    forms = {"application/problem+json"}
                    if path.startswith("/v2") and status not in {"408", "413", "500"}:
                        forms = {"application/json"} | (forms if status == "503" else set())
                    assert set(declared["content"]) == forms, (path, status)


async def test_every_reference_of_the_description_leads_somewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    known = answer.json()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/([A-Za-z0-9_]+)", answer.text)) <= set(known)


async def test_no_route_of_ours_redirects(app: FastAPI, client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/health/")).status_code == 404
    assert not app.router.redirect_slashes


async def test_the_first_hundred_of_many_problems_are_listed(
    client: httpx.AsyncClient, event: Callable[..., dict[str, Any]]
) -> None:
    answer = await client.post("/api/v1/events", json=[event(n, foo=1) for n in range(150)])
    assert len(answer.json()["errors"]) == 100
    assert "150 problems" in answer.json()["detail"]
