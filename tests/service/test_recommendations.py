"""POST /api/v1/recommendations"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from knowtrace.service.classroom import Classroom
from knowtrace.service.recommendations.window import Window, parse_window

Event = Callable[..., dict[str, Any]]
URL = "/api/v1/recommendations"


@pytest.fixture
def skill(classroom: Classroom) -> str:
    """The skill with the most items."""
    return max(classroom.tracer.vocabulary.skill_ids, key=lambda s: len(classroom.catalogue.items_of(s)))


def answers(
    classroom: Classroom, skill: str, event: Event, *, correct: bool, day: datetime
) -> list[dict[str, Any]]:
    """Many answers to one item of the skill, all right or all wrong."""
    item_id = classroom.catalogue.items_of(skill)[0].item_id
    return [
        event(
            n,
            event_id=f"{correct}-{n}",
            item_id=item_id,
            correct=correct,
            answered_at=(day + timedelta(seconds=n)).isoformat(),
        )
        for n in range(25)
    ]


async def test_items_of_the_skill_with_their_reasons(
    client: httpx.AsyncClient, skill: str, classroom: Classroom
) -> None:
    body = (await client.post(URL, json={"student_id": "anna", "skill": skill, "max_items": 3})).json()
    known = {item.item_id for item in classroom.catalogue.items_of(skill)}
    assert len(body["recommendations"]) == min(3, len(known))
    for item in body["recommendations"]:
        assert item["item_id"] in known
        assert f"{item['expected_success'] * 100:.0f} % of the time" in item["reason"]
        assert item["recommendation_type"] == "rule-based"
        assert item["propensity"] is item["expected_reward"] is item["uncertainty"] is None
    assert body["item_health_flags"] == []
    assert any("not watched" in note for note in body["notes"])


async def test_recommendations_change_with_mastery(
    client: httpx.AsyncClient, skill: str, event: Event, classroom: Classroom
) -> None:
    day = datetime.now(UTC) - timedelta(days=60)
    for correct, student_id in ((True, "strong"), (False, "weak")):
        events = answers(classroom, skill, event, correct=correct, day=day)
        for body in events:
            body["student_id"] = student_id
        await client.post("/api/v1/events", json=events)
    strong, weak = [
        (await client.post(URL, json={"student_id": s, "skill": skill, "max_items": 50})).json()
        for s in ("strong", "weak")
    ]
    assert strong["mastery"] > weak["mastery"]
    listed = [
        [(item["item_id"], item["expected_success"]) for item in found["recommendations"]]
        for found in (strong, weak)
    ]
    assert listed[0] != listed[1]


async def test_what_was_answered_correctly_lately_is_left_out(
    client: httpx.AsyncClient, skill: str, event: Event, classroom: Classroom
) -> None:
    item_id = classroom.catalogue.items_of(skill)[0].item_id
    lately = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    await client.post("/api/v1/events", json=event(1, item_id=item_id, correct=True, answered_at=lately))
    body = (await client.post(URL, json={"student_id": "anna", "skill": skill, "max_items": 50})).json()
    assert item_id not in {item["item_id"] for item in body["recommendations"]}
    assert body["num_candidates"] == len(classroom.catalogue.items_of(skill)) - 1


async def test_the_time_window_limits_the_evidence(
    client: httpx.AsyncClient, skill: str, event: Event, classroom: Classroom
) -> None:
    day = datetime.now(UTC) - timedelta(days=60)
    await client.post("/api/v1/events", json=answers(classroom, skill, event, correct=True, day=day))
    asked = {"student_id": "anna", "skill": skill}
    everything = (await client.post(URL, json=asked)).json()
    last_week = (await client.post(URL, json={**asked, "time_window": "7d"})).json()
    that_day = f"{day.isoformat()}/{(day + timedelta(days=1)).isoformat()}"
    interval = (await client.post(URL, json={**asked, "time_window": that_day})).json()
    nobody = (await client.post(URL, json={**asked, "student_id": "nobody"})).json()
    assert everything["interaction_count"] == interval["interaction_count"] == 25
    assert everything["mastery"] == interval["mastery"]
    assert last_week["interaction_count"] == 0
    assert last_week["mastery"] == nobody["mastery"]


async def test_every_list_is_logged_under_its_decision(
    client: httpx.AsyncClient, skill: str, classroom: Classroom
) -> None:
    body = (await client.post(URL, json={"user_id": "anna", "skill": skill, "max_items": 2})).json()
    async with classroom.store.reading("default") as session:
        [decision] = await session.decisions.newest("anna", limit=5)
    assert decision.decision_id == body["decision_id"] == body["recommendations"][0]["decision_id"]
    assert [item["item_id"] for item in decision.items] == [
        item["item_id"] for item in body["recommendations"]
    ]
    assert decision.num_candidates == body["num_candidates"]
    assert decision.model_version == body["model_version"]
    assert decision.propensity is None


async def test_the_bandit_is_refused_in_words(client: httpx.AsyncClient, skill: str) -> None:
    answer = await client.post(URL, json={"student_id": "anna", "skill": skill, "use_rl": True})
    assert answer.status_code == 400
    assert "this version has none" in answer.json()["detail"]


async def test_a_skill_that_is_not_known_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.post(URL, json={"student_id": "anna", "skill": "alchemy"})).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"max_items": 0},
        {"max_items": 51},
        {"time_window": "soon"},
        {"time_window": "0d"},
        {"time_window": "2026-03-01/2026-03-02"},
        {"time_window": "2026-03-02T00:00:00Z/2026-03-01T00:00:00Z"},
        {"use_rl": "no"},
        {"surprise": 1},
    ],
)
async def test_a_malformed_request_is_422(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    assert (await client.post(URL, json={"student_id": "a", "skill": "s", **changes})).status_code == 422


def test_windows_are_read() -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    assert parse_window("2w").bounds(now) == (datetime(2026, 2, 24, tzinfo=UTC), None)
    assert parse_window("2026-03-01T02:00:00+02:00/2026-03-02T00:00:00Z") == Window(
        start=datetime(2026, 3, 1, tzinfo=UTC), end=datetime(2026, 3, 2, tzinfo=UTC)
    )
