"""Keys over HTTP: made, listed, replaced and taken back by who may, for the own school only."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knowtrace.service.identity.caller import Role
from service.identity.school import School, open_school

ADMIN = ("north", "admin")


@pytest.fixture
async def school(tiny_run: Path, tmp_path: Path) -> AsyncIterator[School]:
    async with open_school(tiny_run, f"sqlite+aiosqlite:///{tmp_path / 'school.db'}") as school:
        yield school


async def test_a_key_lives_and_ends_over_http(school: School) -> None:
    made = await school.ask(ADMIN, "POST", "/api/v1/keys", json={"role": "educator", "name": "room 3"})
    assert made.status_code == 200 and made.headers["cache-control"] == "no-store"
    key_id = made.json()["key_id"]
    school.keys["north", "new"] = made.json()["key"]
    assert (await school.ask(("north", "new"), "GET", "/api/v1/students")).status_code == 200
    rotated = await school.ask(ADMIN, "POST", f"/api/v1/keys/{key_id}/rotate", json={"overlap_hours": 1})
    assert rotated.json()["key_id"] == key_id and rotated.json()["key"] != made.json()["key"]
    listed = await school.ask(ADMIN, "GET", "/api/v1/keys")
    [shown] = [key for key in listed.json()["keys"] if key["key_id"] == key_id]
    assert (shown["name"], shown["num_secrets"]) == ("room 3", 2)
    assert "hash" not in listed.text and made.json()["key"].split("_")[2] not in listed.text
    assert (await school.ask(ADMIN, "DELETE", f"/api/v1/keys/{key_id}")).status_code == 200
    again = await school.ask(ADMIN, "POST", f"/api/v1/keys/{key_id}/rotate", json={})
    assert again.status_code == 409
    about = {"object": f"key:{key_id}"}
    lines = (await school.ask(ADMIN, "GET", "/api/v1/audit", params=about)).json()["lines"]
    assert [line["action"] for line in lines] == ["keys.revoke", "keys.rotate", "keys.create"]


async def test_what_is_no_key_is_refused(school: School) -> None:
    for body, status in (
        ({"role": "operator", "name": "x"}, 422),
        ({"role": "student", "name": "x"}, 400),
        ({"role": "educator", "name": "x", "scopes": ["keys:manage"]}, 400),
    ):
        assert (await school.ask(ADMIN, "POST", "/api/v1/keys", json=body)).status_code == status, body


async def test_a_key_with_scopes_gives_out_no_secrets(school: School) -> None:
    """It would make itself a key without them."""
    await school.issue("north", "narrow", Role.ADMIN, scopes=frozenset({"keys:manage"}))
    spare = school.keys["north", "spare"].split("_")[1]
    for path, body in (("", {"role": "admin", "name": "x"}), (f"/{spare}/rotate", {})):
        assert (
            await school.ask(("north", "narrow"), "POST", f"/api/v1/keys{path}", json=body)
        ).status_code == 403
    assert (await school.ask(("north", "narrow"), "GET", "/api/v1/keys")).status_code == 200


async def test_an_overlap_is_a_number(school: School) -> None:
    [key_id] = [part.split("_")[1] for name, part in school.keys.items() if name == ("north", "spare")]
    for wrong in (True, "1"):
        asked = {"overlap_hours": wrong}
        answer = await school.ask(ADMIN, "POST", f"/api/v1/keys/{key_id}/rotate", json=asked)
        assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "overlap_hours"])


async def test_a_schools_admin_does_not_reach_the_operators_keys(school: School) -> None:
    """Who gives an operator's key a new secret is an operator."""
    await school.issue("north", "operator", Role.OPERATOR)
    key_id = school.keys["north", "operator"].split("_")[1]
    rotated = await school.ask(ADMIN, "POST", f"/api/v1/keys/{key_id}/rotate", json={})
    revoked = await school.ask(ADMIN, "DELETE", f"/api/v1/keys/{key_id}")
    listed = await school.ask(ADMIN, "GET", "/api/v1/keys")
    assert (rotated.status_code, revoked.status_code) == (404, 404)
    assert key_id not in listed.text
    assert (await school.ask(("north", "operator"), "GET", "/api/v1/models")).status_code == 200
