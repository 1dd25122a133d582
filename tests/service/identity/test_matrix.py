"""Nobody reaches what is not theirs, on any route; and no guard can go without this being noticed."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from knowtrace.service.identity import guard as guard_module
from knowtrace.service.identity.authenticate import Identity
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.guard import Guard
from service.identity.matrix import CALLERS, Route, UnguardedRouteError, routes, violations
from service.identity.school import School, fill, open_school

on_every_database = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, or PostgreSQL as the role of docs/security.md, whom policies bind."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("as_role")
    return request.getfixturevalue("sqlite_url")


@pytest.fixture
async def school(tiny_run: Path, database_url: str) -> AsyncIterator[School]:
    hooks = {"webhook_hosts": ("127.0.0.1",), "seal_key": "0123456789abcdef" * 4}
    async with open_school(tiny_run, database_url, **hooks) as school:
        await fill(school)
        # A stream that begins never ends: after its guard, each is refused for want of room.
        school.classroom.broker._max_subscribers = 0
        yield school


async def first(school: School, checked: list[Route]) -> str | None:
    async for problem in violations(school, checked):
        return problem
    return None


@on_every_database
async def test_every_route_answers_every_caller_as_the_table_says(school: School) -> None:
    checked = routes(school.app)
    assert {("GET", "/openapi.json"), ("GET", "/"), ("GET", "/metrics")} <= {
        (r.method, r.path) for r in checked
    }
    assert len(checked) >= 20
    found = [problem async for problem in violations(school, checked)]
    assert not found, "\n".join(found)


@on_every_database
async def test_nobody_corrects_or_withdraws_answers_of_another_school(school: School) -> None:
    before = await school.ask(("south", "admin"), "GET", "/api/v1/students/carl/events")
    body = {"student_id": "carl", "item_id": "x", "correct": False, "answered_at": "2026-03-01T10:00:00Z"}
    for event_id in ("south/carl/0", "no/such/0"):
        for request in ({"method": "DELETE"}, {"method": "PUT", "json": body}):
            answer = await school.ask(("north", "admin"), path=f"/api/v1/events/{event_id}", **request)
            assert (answer.status_code, answer.json()["title"]) == (404, "Not found")
    after = await school.ask(("south", "admin"), "GET", "/api/v1/students/carl/events")
    assert after.json() == before.json()


async def test_no_guard_can_be_removed_unnoticed(school: School) -> None:
    """Each guard in turn is replaced by one that lets everybody pass."""

    async def anybody() -> Caller:
        return Caller("north", "mutant", Role.ADMIN)

    checked = routes(school.app)
    for guard in {route.guard for route in checked}:
        school.app.dependency_overrides = {guard: anybody}
        behind = [route for route in checked if route.guard is guard]
        for route in behind:
            assert await first(school, [route]), f"{route.method} {route.path} is not held by any cell"


async def test_no_guard_can_name_another_tenant_unnoticed(school: School) -> None:
    """Each guard in turn checks everything and then says that the caller is of the other school."""
    checked = [route for route in routes(school.app) if route.names_a_student and route.method == "GET"]
    for guard in {route.guard for route in checked}:
        school.app.dependency_overrides = {guard: _mistaken(guard)}
        for route in checked:
            if route.guard is guard and not route.path.endswith("/stream"):
                assert await first(school, [route]), (
                    f"{route.method} {route.path} may answer for another tenant"
                )


def _mistaken(guard: Guard) -> Callable[..., Any]:
    async def mistaken(request: guard_module.Request) -> Caller:
        caller = await guard(request)
        return replace(caller, tenant_id={"north": "south", "south": "north"}[caller.tenant_id])

    return mistaken


@pytest.mark.parametrize("weakness", ["any student", "any role", "any credential"])
async def test_no_part_of_the_guard_can_fail_unnoticed(
    school: School, monkeypatch: pytest.MonkeyPatch, weakness: str
) -> None:
    async def always(*_: object) -> bool:
        return True

    async def somebody(*_: object) -> Caller:
        return Caller("north", "mutant", Role.STUDENT, "anna")

    match weakness:
        case "any student":
            monkeypatch.setattr(guard_module, "names_only", always)
        case "any role":
            monkeypatch.setattr(guard_module, "reach_of", lambda *_: guard_module.Reach.TENANT)
        case _:
            monkeypatch.setattr(Identity, "_identified", somebody)
    assert await first(school, routes(school.app))


async def test_scopes_narrow_a_role(school: School) -> None:
    await school.issue("north", "narrow", Role.SERVICE, scopes=frozenset({"mastery:read"}))
    narrow = ("north", "narrow")
    assert (await school.ask(narrow, "GET", "/api/v1/mastery/anna")).status_code == 200
    for path in (
        "/api/v1/students",
        "/api/v1/students/anna/events",
        "/metrics",
        "/students/anna",
        "/api/v1/skills",
    ):
        assert (await school.ask(narrow, "GET", path)).status_code == 403, path


def test_a_route_without_a_guard_fails_the_matrix(school: School) -> None:
    bare = APIRouter()
    bare.add_api_route("/bare", lambda: None)
    for spoil in (lambda app: app.include_router(bare), _mount):
        app = FastAPI(openapi_url=None)
        spoil(app)
        with pytest.raises(UnguardedRouteError):
            routes(app)


def _mount(app: FastAPI) -> None:
    app.mount("/files", StaticFiles(directory=Path(__file__).parent))


def test_the_callers_are_all_roles_of_all_tenants() -> None:
    assert {name for _, name in CALLERS} == {role.value for role in Role}
