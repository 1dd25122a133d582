"""The whole service on PostgreSQL, as a role that owns nothing and goes past no policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from knowtrace.service.app import create_app
from knowtrace.service.classroom import Classroom
from knowtrace.settings import Settings

Body = dict[str, Any]


async def test_it_answers_decides_tells_and_erases(
    as_role: str, tiny_run: Path, event: Callable[..., Body]
) -> None:
    app = create_app(
        Settings(
            database_url=as_role, run=tiny_run, webhook_hosts=("127.0.0.1",), seal_key="0123456789abcdef" * 4
        )
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        classroom: Classroom = app.state.classroom
        assert await classroom.store.keeps_tenants_apart()
        hook = {"url": "http://127.0.0.1:9/away", "kinds": ["mastery", "recommendation"]}
        assert (await client.post("/api/v1/webhooks", json=hook)).status_code == 201
        for number in range(1, 5):
            assert (await client.post("/api/v1/events", json=event(number))).status_code == 200
        corrected = {name: value for name, value in event(2).items() if name != "event_id"}
        corrected["correct"] = not corrected["correct"]
        assert (await client.put("/api/v1/events/e2", json=corrected)).json()["status"] == "corrected"
        assert (await client.delete("/api/v1/events/e3")).json()["status"] == "withdrawn"
        asked = {"student_id": "anna", "skill": classroom.tracer.vocabulary.skill_ids[0]}
        assert (await client.post("/api/v1/recommendations", json=asked)).status_code == 200
        job = {"requests": [{"student_id": "anna", "candidate_items": ["x"]}]}
        assert (await client.post("/api/v1/batch/submit", json=job)).status_code == 202
        assert (await client.get("/api/v1/mastery/anna")).json()["num_answers"] == 3
        assert (await client.get("/api/v1/students/anna/export")).status_code == 200
        receipt = (await client.delete("/api/v1/students/anna")).json()
        assert receipt["rows"]["events"] == 4
        assert (await client.get("/api/v1/mastery/anna")).json()["num_answers"] == 0
        assert len((await client.get("/api/v1/audit")).json()["lines"]) >= 3
