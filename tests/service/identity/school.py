"""A service that asks who calls, two schools in it, and a key for each role of each."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from knowtrace.dashboard import add_pages
from knowtrace.service.app import create_app
from knowtrace.service.identity.caller import LOCAL, Role
from knowtrace.service.identity.issuing import KeyDesk, KeyRequest
from knowtrace.settings import Settings

HOME = "https://school.test"
"""The home page of all accounts: with it, statements name their students as we do."""

ELSEWHERE = ("203.0.113.7", 40_000)
"""An address that is not this machine's."""

TENANTS = ("north", "south")
MARKS = {"north": "north-only-item", "south": "south-only-item"}
"""An item that was answered in one school only: seen in the other one, a row has crossed."""

STUDENTS = {"north": ("anna", "ben"), "south": ("anna", "carl")}


class School:
    """The application, its keys by (tenant, name), and a browserless client that shows one of them."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.keys: dict[tuple[str, str], str] = {}
        self.classroom = app.state.classroom
        self.jobs: dict[str, str] = {}
        """A finished job of each school, about its own item."""
        self.hooks: dict[str, str] = {}
        """A webhook of each school, where one may have some."""
        self.desk = KeyDesk(self.classroom.store, LOCAL)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=ELSEWHERE), base_url="http://school.test"
        )

    async def issue(self, tenant_id: str, name: str, role: Role, **rest: Any) -> str:
        issued = await self.desk.create(KeyRequest(tenant_id=tenant_id, name=name, role=role, **rest))
        self.keys[tenant_id, name] = issued.key.text
        return issued.key.text

    async def ask(
        self, who: tuple[str, str] | None, method: str, path: str, **request: Any
    ) -> httpx.Response:
        headers = dict(request.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        return await self.client.request(method, path, headers=headers, **request)

    def job_of(self, event_id: str) -> str:
        """Return the job of the school that an event's id begins with, or one that nobody has."""
        return self.jobs.get(event_id.partition("/")[0], "0" * 32)

    async def answer(self, tenant_id: str, student_id: str, number: int, item_id: str | None = None) -> None:
        sent = await self.ask((tenant_id, "admin"), "POST", "/api/v1/events", json={
            "event_id": f"{tenant_id}/{student_id}/{number}",
            "student_id": student_id,
            "item_id": item_id or self.classroom.tracer.vocabulary.items[number].item_id,
            "correct": True,
            "answered_at": f"2026-03-01T10:{number:02d}:00Z",
        })  # fmt: skip
        assert sent.status_code == 200, sent.text


@asynccontextmanager
async def open_school(tiny_run: Path, database_url: str, **settings: Any) -> AsyncGenerator[School]:
    app = create_app(
        Settings(
            **{
                "run": tiny_run,
                "database_url": database_url,
                "auth": "keys",
                "accounts_home": HOME,
                "rate_limit": "1000000/minute",
                "student_rate_limit": "1000000/minute",
                "failure_limit": "1000000/minute",
                **settings,
            }
        )
    )
    add_pages(app)
    async with app.router.lifespan_context(app):
        school = School(app)
        async with school.client:
            for tenant_id in TENANTS:
                for role in (Role.EDUCATOR, Role.ADMIN, Role.SERVICE, Role.OPERATOR):
                    await school.issue(tenant_id, role.value, role)
                await school.issue(tenant_id, "student", Role.STUDENT, student_id="anna")
                await school.issue(tenant_id, "spare", Role.EDUCATOR)
            yield school


async def restore(school: School) -> None:
    """Bring back a student whom somebody had the right to erase: answers, and the key."""
    for tenant_id in TENANTS:
        if await school.classroom.store.find_key(school.keys[tenant_id, "student"].split("_")[1]) is None:
            await school.issue(tenant_id, "student", Role.STUDENT, student_id="anna")
    await fill(school)


async def fill(school: School) -> None:
    """Give every student of both schools three answers, one of them to the school's own item, and consent."""
    for tenant_id, students in STUDENTS.items():
        for student_id in students:
            for number in range(2):
                await school.answer(tenant_id, student_id, number)
            await school.answer(tenant_id, student_id, 2, MARKS[tenant_id])
            path = f"/api/v1/students/{student_id}/consent"
            asked = await school.ask((tenant_id, "admin"), "PUT", path, json={"training": True})
            assert asked.status_code == 200, asked.text
        await finish_job(school, tenant_id)
        if school.classroom.sealer.can_seal and tenant_id not in school.hooks:
            hook = {"url": f"http://127.0.0.1:9/{tenant_id}", "kinds": ["alert"]}
            made = await school.ask((tenant_id, "admin"), "POST", "/api/v1/webhooks", json=hook)
            assert made.status_code == 201, made.text
            school.hooks[tenant_id] = made.json()["webhook_id"]


async def finish_job(school: School, tenant_id: str) -> None:
    """Let the school have a job that is completed, and holds the school's own item."""
    requests = [{"student_id": "anna", "candidate_items": [MARKS[tenant_id]]}]
    admin = (tenant_id, "admin")
    submitted = await school.ask(admin, "POST", "/api/v1/batch/submit", json={"requests": requests})
    assert submitted.status_code == 202, submitted.text
    job_id = school.jobs[tenant_id] = submitted.json()["job_id"]
    async with asyncio.timeout(10):
        while (await school.ask(admin, "GET", f"/api/v1/batch/{job_id}/status")).json()[
            "status"
        ] != "completed":
            await asyncio.sleep(0.01)
