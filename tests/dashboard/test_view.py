"""What the student page shows is what the API answers."""

from typing import Any

from dashboard.conftest import Pages
from knowtrace.dashboard.view import LEAST_FOR_RADAR, MOST_MOMENTS


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
