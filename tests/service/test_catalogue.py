"""GET /api/v1/skills and /api/v1/items"""

import httpx

from knowtrace.service.classroom import Classroom


async def test_skills_are_listed_with_their_items(client: httpx.AsyncClient, classroom: Classroom) -> None:
    body = (await client.get("/api/v1/skills")).json()
    assert [skill["skill_id"] for skill in body["skills"]] == list(classroom.tracer.vocabulary.skill_ids)
    assert all(skill["num_items"] >= skill["num_calibrated_items"] for skill in body["skills"])
    assert body["next_cursor"] is None


async def test_items_are_listed_in_pages(client: httpx.AsyncClient, classroom: Classroom) -> None:
    first = (await client.get("/api/v1/items?limit=20")).json()
    rest = (await client.get("/api/v1/items", params={"limit": 1000, "cursor": first["next_cursor"]})).json()
    listed = [item["item_id"] for item in [*first["items"], *rest["items"]]]
    assert listed == [item.item_id for item in classroom.tracer.vocabulary.items]
    assert rest["next_cursor"] is None


async def test_items_of_one_skill(client: httpx.AsyncClient, classroom: Classroom) -> None:
    skill = classroom.tracer.vocabulary.skill_ids[0]
    items = (await client.get("/api/v1/items", params={"skill": skill})).json()["items"]
    assert items
    assert all(skill in item["skill_ids"] for item in items)


async def test_what_is_not_known_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/items?skill=alchemy")).status_code == 404
    assert (await client.get("/api/v1/items?cursor=nowhere")).status_code == 404
