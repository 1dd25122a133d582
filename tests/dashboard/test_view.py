"""What the student page shows is what the API answers."""

from typing import Any

import pytest

from dashboard.conftest import Pages
from dashboard.sending import START
from knowtrace.dashboard.view import LEAST_FOR_RADAR, MOST_MOMENTS, timeline_points
from knowtrace.domain import Interaction, Mastery, MasteryState
from knowtrace.registry import Run
from knowtrace.store import StoredEvent
from knowtrace.tracing.states import Moment


def view_of(pages: Pages, student_id: str) -> dict[str, Any]:
    answered = pages.get(f"/students/{student_id}/view.json")
    assert answered.status_code == 200, answered.text
    return answered.json()["view"]


def test_skills_are_those_of_the_mastery_api_to_the_last_digit(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:20], right="1101")
    shown = {skill["skill_id"]: skill for skill in view_of(pages, "ada")["skills"]}
    told = pages.get("/api/v1/mastery/ada").json()["skills"]
    assert len(shown) == len(told) > 0
    for skill in told:
        mine = shown[skill["skill_id"]]
        assert [mine["low"], mine["high"]] == skill["interval"]
        for name in ("skill_name", "mastery", "interaction_count", "last_updated", "state"):
            assert mine[name] == skill[name]


def test_timeline_is_that_of_the_timeline_api(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:15])
    shown = [(p["item_id"], p["skill_id"], p["mastery"], p["low"]) for p in view_of(pages, "ada")["timeline"]]
    told = [
        (point["item_id"], skill["skill_id"], skill["mastery"], skill["interval"][0])
        for point in pages.get("/api/v1/students/ada/timeline").json()["points"]
        for skill in point["mastery"]
    ]
    assert shown == told


def test_a_viewed_page_moves_on_with_new_answers_as_a_replay_would(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:5])
    view_of(pages, "ada")
    pages.answer("ada", items[5:12], right="01", since=5)
    view = view_of(pages, "ada")
    assert view["num_answers"] == view["num_moments"] == 12
    told = pages.get("/api/v1/students/ada/timeline").json()["points"]
    assert [p["item_id"] for p in view["timeline"]] == [p["item_id"] for p in told for _ in p["mastery"]]
    assert view["timeline"][-1]["mastery"] == told[-1]["mastery"][-1]["mastery"]


def test_an_answer_that_arrives_late_takes_its_place_in_the_timeline(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[5:10], since=10)
    view_of(pages, "ada")
    pages.answer("ada", items[:2], since=0)
    view = view_of(pages, "ada")
    assert [p["item_id"] for p in view["timeline"]][:2] == items[:2]
    assert {s["skill_id"]: s["mastery"] for s in view["skills"]} == {
        s["skill_id"]: s["mastery"] for s in pages.get("/api/v1/mastery/ada").json()["skills"]
    }


def test_timeline_keeps_the_last_answers_and_the_page_says_how_many(pages: Pages, items: list[str]) -> None:
    num_answers = MOST_MOMENTS + 30
    pages.answer("ada", [items[n % len(items)] for n in range(num_answers)])
    view = view_of(pages, "ada")
    assert view["num_moments"] == MOST_MOMENTS
    assert view["num_answers"] == num_answers
    page = pages.get("/students/ada").text
    assert f"last {MOST_MOMENTS} of {num_answers} answers" in page
    assert view["timeline"][-1]["ordinal"] == max(
        p["ordinal"] for p in view["timeline"][-20:] if p["skill_id"] == view["timeline"][-1]["skill_id"]
    )


def test_change_is_the_step_from_the_answer_before(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", [items[0]] * 3)
    first, second, _ = view_of(pages, "ada")["timeline"]
    assert first["change"] is None
    assert second["change"] == second["mastery"] - first["mastery"]
    assert [first["outcome"], second["outcome"]] == ["right", "wrong"]


def test_part_of_the_credit_is_neither_right_nor_wrong() -> None:
    points = timeline_points([moment(response) for response in (0, 1, 2, 3)], num_categories=4)
    assert [point.outcome for point in points] == ["wrong", "partly right", "partly right", "right"]
    assert [point.score for point in points] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def moment(response: int) -> Moment:
    mastery = Mastery(
        skill_id="s",
        estimate=0.5,
        low=0.4,
        high=0.6,
        evidence=1,
        last_answered_at=START,
        state=MasteryState.NOT_ENOUGH_DATA,
    )
    answer = Interaction(student_id="ada", item_id="i", skill_ids=(), response=response, answered_at=START)
    stored = StoredEvent(position=1, event_id="e", interaction=answer, received_at=START, fingerprint="")
    return Moment(event=stored, masteries=[mastery])


def test_skills_with_nothing_left_to_ask_give_way_to_others(pages: Pages, opened_run: Run) -> None:
    by_skill: dict[str, list[str]] = {}
    for item in opened_run.vocabulary.items:
        by_skill.setdefault(item.skill_ids[0], []).append(item.item_id)
    done, other, *_ = by_skill.values()
    pages.answer("ada", done, right="1")
    pages.answer("ada", other, right="0", since=len(done))
    advice = view_of(pages, "ada")["advice"]
    assert advice
    assert all(skill["items"] for skill in advice)


def test_next_items_are_those_of_the_recommendation_api(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:12], right="0")
    advice = view_of(pages, "ada")["advice"]
    assert advice
    for skill in advice:
        asked = {"student_id": "ada", "skill": skill["skill_id"], "max_items": len(skill["items"])}
        told = pages.post("/api/v1/recommendations", json=asked).json()["recommendations"]
        for name in ("item_id", "expected_success", "difficulty", "reason"):
            assert [item[name] for item in skill["items"]] == [item[name] for item in told]


def test_mastery_then_is_the_mastery_after_that_answer(pages: Pages, items: list[str]) -> None:
    pages.answer("ada", items[:6], right="0")
    [skill, *_] = view_of(pages, "ada")["advice"]
    promised = skill["items"][0]
    pages.answer("ada", [promised["item_id"]], right="1", since=6)
    [now] = pages.get("/api/v1/mastery/ada", params={"skill": skill["skill_id"]}).json()["skills"]
    assert now["mastery"] == promised["if_right"]


def test_fewer_than_three_skills_are_drawn_as_bars(pages: Pages, items: list[str]) -> None:
    pages.answer("one", [items[0]] * 2)
    pages.answer("many", items)
    assert view_of(pages, "one")["radar_kind"] == "bars"
    many = view_of(pages, "many")
    assert many["radar_kind"] == "radar"
    assert len(many["radar"]) >= LEAST_FOR_RADAR
    counts = {skill["skill_id"]: skill["interaction_count"] for skill in many["skills"]}
    drawn = [counts[skill_id] for skill_id in many["radar"]]
    assert drawn == sorted(counts.values(), reverse=True)[: len(drawn)]


def test_answers_outside_every_known_skill_leave_nothing_to_estimate(pages: Pages) -> None:
    pages.answer("ada", ["an item nobody knows"])
    assert view_of(pages, "ada")["skills"] == []
    assert "No skill practised yet" in pages.get("/students/ada").text
