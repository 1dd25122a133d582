"""GET /api/v1/mastery and /api/kt/mastery."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from knowtrace.service.classroom import Classroom

Event = Callable[..., dict[str, Any]]


async def test_practised_skills_are_shown_and_all_on_request(
    client: httpx.AsyncClient, event: Event, classroom: Classroom
) -> None:
    await client.post("/api/v1/events", json=event(1))
    practised = (await client.get("/api/v1/mastery/anna")).json()
    every = (await client.get("/api/v1/mastery/anna?all=true")).json()
    vocabulary = classroom.tracer.vocabulary
    assert {s["skill_id"] for s in practised["skills"]} == set(vocabulary.items[1].skill_ids)
    assert [s["skill_id"] for s in every["skills"]] == list(vocabulary.skill_ids)
    assert practised["note"] is None
    assert practised["last_answered_at"] == practised["skills"][0]["last_updated"] == event(1)["answered_at"]


async def test_one_skill_can_be_asked_for(client: httpx.AsyncClient, classroom: Classroom) -> None:
    skill_id = classroom.tracer.vocabulary.skill_ids[-1]
    body = (await client.get("/api/v1/mastery/anna", params={"skill": skill_id})).json()
    [skill] = body["skills"]
    assert skill["skill_id"] == skill_id
    assert skill["skill_name"] == classroom.tracer.vocabulary.skill_name(skill_id)


async def test_a_student_never_seen_gets_the_models_expectation_and_is_told(
    client: httpx.AsyncClient, classroom: Classroom
) -> None:
    answer = await client.get("/api/v1/mastery/nobody")
    body = answer.json()
    assert answer.status_code == 200
    assert body["num_answers"] == 0
    assert "No answer of this student is stored" in body["note"]
    assert len(body["skills"]) == len(classroom.tracer.vocabulary.skill_ids)
    assert {(s["interaction_count"], s["state"]) for s in body["skills"]} == {(0, "not enough data")}


async def test_a_skill_that_is_not_known_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/mastery/anna?skill=alchemy")
    assert answer.status_code == 404
    assert "'alchemy'" in answer.json()["detail"]


async def test_an_id_with_slashes_and_spaces_is_one_student(client: httpx.AsyncClient, event: Event) -> None:
    student_id = "https://school.example/pupils/anna b"
    await client.post("/api/v1/events", json=event(1, student_id=student_id))
    body = (await client.get("/api/v1/mastery/https%3A%2F%2Fschool.example%2Fpupils%2Fanna%20b")).json()
    assert (body["student_id"], body["num_answers"]) == (student_id, 1)


@pytest.mark.parametrize(
    "url", ["/api/v1/mastery/a?colour=red", "/api/v1/mastery/a?all=maybe", f"/api/v1/mastery/{'x' * 201}"]
)
async def test_a_malformed_question_is_422(client: httpx.AsyncClient, url: str) -> None:
    assert (await client.get(url)).status_code == 422


async def test_the_vector_has_every_skill_and_a_next_item(
    client: httpx.AsyncClient, event: Event, classroom: Classroom
) -> None:
    await client.post("/api/v1/events", json=[event(n) for n in range(4)])
    body = (await client.get("/api/kt/mastery?student_id=anna")).json()
    assert set(body["mastery"]) == set(classroom.tracer.vocabulary.skill_ids)
    recommended = body["recommendation"]
    assert recommended["mastery"] == body["mastery"][recommended["skill"]]
    assert recommended["item_id"] in classroom.tracer.vocabulary.item_indices
    assert body["degraded"] is False


async def test_the_vector_repeats_the_callers_word(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/kt/mastery?user_id=anna")).json()
    assert body["user_id"] == "anna"
    assert "student_id" not in body
    assert (await client.get("/api/kt/mastery")).status_code == 422
