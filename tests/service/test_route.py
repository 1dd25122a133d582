"""A resource is found where it lies, and routes of others are not looked through for it."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from knowtrace.service.route import Resource


def resources() -> FastAPI:
    app = FastAPI()
    for prefix in ("/far", "/near"):
        resource = Resource(prefix=prefix)
        resource.get("/one")(lambda: "one")
        resource.get("/two/{name}")(lambda name: name)
        app.include_router(resource)
    return app


def client_of(app: FastAPI, root: str = "") -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, root_path=root), base_url=f"http://test{root}"
    )


@pytest.mark.parametrize("path", ["/near/one", "/near/two/three", "/far/one"])
@pytest.mark.parametrize("root", ["", "/school"])
async def test_it_is_found_with_and_without_a_proxys_prefix(path: str, root: str) -> None:
    async with client_of(resources(), root) as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.post(path)).status_code == 405
        assert (await client.get("/neither")).status_code == 404


async def test_routes_of_another_resource_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    matches = APIRoute.matches

    def noted(route: APIRoute, scope: Scope) -> tuple[Match, Scope]:
        compared.append(route.path)
        return matches(route, scope)

    monkeypatch.setattr(APIRoute, "matches", noted)
    async with client_of(resources()) as client:
        assert (await client.get("/near/one")).status_code == 200
    assert compared
    assert all(path.startswith("/near") for path in compared)
