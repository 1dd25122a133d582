"""POST /api/v1/predict"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from knowtrace.service.classroom import Classroom

Event = Callable[..., dict[str, Any]]
URL = "/api/v1/predict"


def attempt(number: int, item_id: str, *, correct: bool, **more: Any) -> dict[str, Any]:
    return {"item_id": item_id, "correct": correct, "timestamp": f"2026-03-01T10:{number:02d}:00Z", **more}


@pytest.fixture
def items(classroom: Classroom) -> list[str]:
    return [item.item_id for item in classroom.tracer.vocabulary.items]


async def test_a_history_alone_decides_and_nothing_is_stored(
    client: httpx.AsyncClient, items: list[str]
) -> None:
    def asked(correct: bool) -> dict[str, Any]:
        history = [
            attempt(n, items[n], correct=correct, topic_ids=[], quality=4, time_taken_ms=900, hints_used=0)
            for n in range(10)
        ]
        return {"user_id": "anna", "attempt_history": history, "candidate_items": items[:3]}

    good, bad = [(await client.post(URL, json=asked(correct))).json() for correct in (True, False)]
    assert all(good["predictions"][item] > bad["predictions"][item] for item in items[:3])
    assert good["num_answers"] == 10
    assert good["user_id"] == "anna"
    assert good["cached"] is False
    assert (await client.get("/api/v1/mastery/anna")).json()["num_answers"] == 0


async def test_without_history_the_stored_state_answers(
    client: httpx.AsyncClient, event: Event, items: list[str]
) -> None:
    events = [event(n) for n in range(6)]
    await client.post("/api/v1/events", json=events)
    stored = await client.post(URL, json={"student_id": "anna", "candidate_items": items[:4]})
    history = [attempt(n, e["item_id"], correct=e["correct"]) for n, e in enumerate(events)]
    sent = await client.post(
        URL, json={"student_id": "anna", "candidate_items": items[:4], "attempt_history": history}
    )
    assert stored.json()["predictions"] == sent.json()["predictions"]


async def test_two_items_can_get_two_probabilities(client: httpx.AsyncClient, items: list[str]) -> None:
    body = (await client.post(URL, json={"student_id": "a", "candidate_items": items})).json()
    assert len(set(body["predictions"].values())) > 1


async def test_the_order_of_attempts_is_the_order_of_their_times(
    client: httpx.AsyncClient, items: list[str]
) -> None:
    history = [attempt(n, items[n], correct=n % 2 == 0) for n in range(6)]
    asked = {"student_id": "a", "candidate_items": items[:2]}
    forth = await client.post(URL, json={**asked, "attempt_history": history})
    back = await client.post(URL, json={**asked, "attempt_history": history[::-1]})
    assert forth.json()["predictions"] == back.json()["predictions"]


async def test_confidence_is_the_evidence_not_the_distance_from_a_half(
    client: httpx.AsyncClient, items: list[str], classroom: Classroom
) -> None:
    item = classroom.tracer.vocabulary.items[0]
    body = (await client.post(URL, json={"student_id": "a", "candidate_items": [item.item_id, "new"]})).json()
    mastery = (await client.get("/api/v1/mastery/a", params={"skill": item.skill_ids[0]})).json()["skills"][0]
    low, high = mastery["interval"]
    if len(item.skill_ids) == 1:
        assert body["confidence_scores"][item.item_id] == pytest.approx(1 - (high - low))
    assert body["confidence_scores"]["new"] is None
    assert "not in the training data" in body["notes"][0]


async def test_an_item_that_nobody_answered_is_said_to_be_one(
    client: httpx.AsyncClient,
    items: list[str],
    event: Event,
    classroom: Classroom,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vocabulary = classroom.tracer.vocabulary
    unanswered = replace(vocabulary.items[0], category_counts=(0, 0))
    monkeypatch.setattr(
        classroom.tracer, "vocabulary", replace(vocabulary, items=(unanswered, *vocabulary.items[1:]))
    )
    said = "no answers in the training data: what is foretold of it comes from its skills, its content"
    body = (await client.post(URL, json={"student_id": "a", "candidate_items": items[:2]})).json()
    assert f"1 of the candidates have {said}" in body["notes"][0].replace(
        f", {items[0]!r} the first of them", ""
    )
    live = {"user_sequence": [{"item_id": items[0], "correct": True}], "items": items[1:2]}
    body = (await client.post("/invocations", json=live)).json()
    assert f"1 of the items named have {said}" in body["notes"][0]
    result = (await client.post("/api/v1/events", json=[{**event(0), "item_id": items[0]}])).json()
    assert f"Item {items[0]!r} has {said}" in result["results"][0]["notes"][0]


async def test_what_is_not_computed_is_null_with_a_reason(
    client: httpx.AsyncClient, items: list[str]
) -> None:
    asked = {
        "student_id": "a",
        "candidate_items": items[:1],
        "explain": True,
        "context": {"device": "tablet"},
    }
    body = (await client.post(URL, json=asked)).json()
    assert body["feature_importance"] is None
    assert "does not attribute" in body["feature_importance_reason"]
    assert "context is not read by this model." in body["notes"]


async def test_the_loaded_version_may_be_named_and_no_other(
    client: httpx.AsyncClient, items: list[str], classroom: Classroom
) -> None:
    asked = {"student_id": "a", "candidate_items": items[:1]}
    named = await client.post(URL, json={**asked, "model_version": classroom.tracer.version})
    other = await client.post(URL, json={**asked, "model_version": "dkt-v0"})
    assert (named.status_code, other.status_code) == (200, 404)
    assert classroom.tracer.version in other.json()["detail"]


async def test_a_response_out_of_range_is_400_and_says_where(
    client: httpx.AsyncClient, items: list[str]
) -> None:
    history = [attempt(0, items[0], correct=True), {**attempt(1, items[1], correct=True), "response": 5}]
    answer = await client.post(
        URL, json={"student_id": "a", "candidate_items": items[:1], "attempt_history": history}
    )
    assert answer.status_code == 400
    assert "attempt_history[1]: response (5)" in answer.json()["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"candidate_items": []},
        {"candidate_items": "i1"},
        {"candidate_items": ["i"] * 1_001},
        {"attempt_history": [{"item_id": "i1"}]},
        {"attempt_history": [attempt(0, "i1", correct=True, quality=6)]},
        {"attempt_history": [attempt(0, "i1", correct=True, time_taken_ms=-1)]},
        {"context": {"nested": {"a": 1}}},
        {"surprise": 1},
    ],
)
async def test_a_malformed_request_is_422(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    answer = await client.post(URL, json={"student_id": "a", "candidate_items": ["i1"], **changes})
    assert answer.status_code == 422
