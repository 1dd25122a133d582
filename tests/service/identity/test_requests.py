"""Keys, cookies, limits and the audit log through HTTP, over a real store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from knowtrace.errors import UnavailableError
from knowtrace.service.identity import keys as keys_module
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.credentials import COOKIE, new_api_key
from knowtrace.service.students.messages import GOODBYE
from knowtrace.service.students.service import while_known
from service.identity.school import ELSEWHERE, School, open_school
from service.identity.test_tokens import AUDIENCE, ISSUER, RSA, public_keys, token

ADMIN = ("north", "admin")
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def school(tiny_run: Path, sqlite_url: str) -> AsyncIterator[School]:
    async with open_school(tiny_run, sqlite_url) as school:
        yield school


async def test_who_is_unknown_is_told_how_to_say_it(school: School) -> None:
    answer = await school.ask(None, "GET", "/api/v1/skills")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="knowtrace"'
    assert answer.headers["content-type"] == "application/problem+json"
    wrong = await school.ask(None, "GET", "/api/v1/skills", headers={"X-API-Key": new_api_key().text})
    assert wrong.headers["www-authenticate"] == 'Bearer realm="knowtrace", error="invalid_token"'
    assert answer.json().keys() == wrong.json().keys()


async def test_a_wrong_secret_and_an_unknown_key_get_the_same_answer(school: School) -> None:
    known = school.keys[ADMIN]
    wrong_secret = known[:-4] + ("0000" if known[-4:] != "0000" else "1111")
    bodies: list[dict[str, Any]] = []
    for text in (wrong_secret, new_api_key().text):
        answer = await school.ask(None, "GET", "/api/v1/skills", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == 401
        bodies.append({**answer.json(), "request_id": ""})
    assert bodies[0] == bodies[1]


async def test_what_is_remembered_of_keys_is_counted(school: School) -> None:
    """The first request with a key proves its secret, the second finds proof and key remembered."""

    def looks() -> list[tuple[float, float]]:
        found = school.classroom.metrics.registry.get_sample_value
        return [
            tuple(
                found("ml_cache_operations_total", {"cache": cache, "operation": "get", "result": result})
                or 0.0
                for result in ("hit", "miss")
            )
            for cache in ("key_proof", "stored_key")
        ]

    seen = [looks()]
    for _ in range(2):
        assert (await school.ask(ADMIN, "GET", "/api/v1/skills")).status_code == 200
        seen.append(looks())
    (proofs, rows), (after_first, rows_after_first), (after_second, rows_after_second) = seen
    assert after_first == (proofs[0], proofs[1] + 1)
    assert rows_after_first[1] == rows[1] + 1
    assert after_second == (after_first[0] + 1, after_first[1])
    assert rows_after_second == (rows_after_first[0] + 1, rows_after_first[1])


async def test_both_headers_carry_a_key_but_not_together(school: School) -> None:
    key = school.keys[ADMIN]
    alone = await school.ask(None, "GET", "/api/v1/skills", headers={"X-API-Key": key})
    assert alone.status_code == 200
    both = await school.ask(ADMIN, "GET", "/api/v1/skills", headers={"X-API-Key": key})
    assert both.status_code == 401


async def test_json_that_cannot_be_read_tells_a_stranger_nothing(school: School) -> None:
    broken = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    assert (await school.ask(None, "POST", "/api/v1/events", **broken)).status_code == 401
    assert (await school.ask(ADMIN, "POST", "/api/v1/events", **broken)).status_code == 422


async def test_the_open_inference_protocol_refuses_in_its_own_form(school: School) -> None:
    infer = f"/v2/models/{school.classroom.tracer.name}/infer"
    for content, status in ((b"{", 400), (b"{}", 400), (b'{"inputs": [{}]}', 400)):
        sent = {"content": content, "headers": {"Content-Type": "application/json"}}
        stranger = await school.ask(None, "POST", infer, **sent)
        student = await school.ask(("north", "student"), "POST", infer, **sent)
        known = await school.ask(ADMIN, "POST", infer, **sent)
        assert stranger.status_code == 401
        assert stranger.headers["www-authenticate"].startswith("Bearer")
        assert student.status_code == (400 if content == b"{" else 403)
        assert known.status_code == status
        assert [set(answer.json()) for answer in (stranger, student, known)] == [{"error"}] * 3


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/api/v1/health",
        "/ready",
        "/api/v1/health/ready",
        "/ping",
        "/v2/health/live",
        "/v2/health/ready",
        "/static/style.css",
    ],
)
async def test_probes_and_style_sheets_are_open(school: School, path: str) -> None:
    assert (await school.ask(None, "GET", path)).status_code == 200


async def test_metrics_are_open_to_this_machine_but_not_through_a_proxy_on_it(school: School) -> None:
    assert (await school.ask(None, "GET", "/metrics")).status_code == 401
    assert (await school.ask(("north", "service"), "GET", "/metrics")).status_code == 200
    assert (await school.ask(("north", "educator"), "GET", "/metrics")).status_code == 403
    here = httpx.ASGITransport(school.app, client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=here, base_url="http://school.test") as local:
        assert (await local.get("/metrics")).status_code == 200
        assert (await local.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"})).status_code == 401
        assert (await local.get("/api/v1/students")).status_code == 401


async def test_a_student_cannot_hide_another_one_in_a_request(school: School) -> None:
    anna = ("north", "student")
    event = {"event_id": "e", "item_id": "x", "correct": True, "answered_at": "2026-03-01T10:00:00Z"}
    for body in (
        {**event, "student_id": "ben"},
        {**event, "student_id": "anna", "user_id": "ben"},
        [{**event, "student_id": "anna"}, {**event, "event_id": "f", "user_id": "ben"}],
        {"events": [{**event, "student_id": "anna"}, {**event, "student_id": "ben"}]},
        {"events": [{**event, "student_id": ["anna"]}]},
        {"deep": [[{"more": {"user_id": "ben"}}]], "student_id": "anna"},
        event,
    ):
        assert (await school.ask(anna, "POST", "/api/v1/events", json=body)).status_code == 403, body
    for query in ("?user_id=ben", "?student_id=anna&user_id=ben", "?user_id=anna&user_id=ben", ""):
        assert (await school.ask(anna, "GET", f"/api/kt/mastery{query}")).status_code == 403, query
    assert (await school.ask(anna, "GET", "/api/v1/mastery/anna?student_id=ben")).status_code == 403
    mine = await school.ask(anna, "POST", "/api/v1/events", json={**event, "student_id": "anna"})
    assert mine.status_code == 200
    assert (await school.ask(anna, "GET", "/api/kt/mastery?user_id=anna")).status_code == 200


async def test_a_student_with_too_many_streams_is_told_so_and_the_teacher_is_not(school: School) -> None:
    classroom, stream = school.classroom, "/api/v1/students/anna/stream"
    anna = Caller("north", "key:another", Role.STUDENT, "anna")
    for _ in range(classroom.settings.max_student_streams):
        classroom.broker.subscribe(anna, "anna")
    refused = await school.ask(("north", "student"), "GET", stream)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert "16 streams open, the most that one may have: close one" in refused.json()["detail"]
    teacher = asyncio.create_task(school.ask(("north", "educator"), "GET", stream))
    async with asyncio.timeout(10):
        while classroom.broker.num_subscribers == classroom.settings.max_student_streams:
            await asyncio.sleep(0.01)
    classroom.broker.close()
    assert (await teacher).status_code == 200


async def test_revoking_reaches_another_process_in_time(
    school: School, tiny_run: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two applications over one database; the clock that keys are kept by is moved on instead of waited for."""
    assert keys_module.ROW_SECONDS < 5
    key = await school.issue("north", "short-lived", Role.SERVICE)
    async with open_school(tiny_run, sqlite_url) as other:
        other.keys["north", "shared"] = key
        assert (await other.ask(("north", "shared"), "GET", "/api/v1/skills")).status_code == 200
        await school.desk.revoke("north", key.split("_")[1])
        other.classroom.identity.keys._rows._clock = lambda: asyncio.get_running_loop().time() + 1e9
        assert (await other.ask(("north", "shared"), "GET", "/api/v1/skills")).status_code == 401


async def test_a_stream_ends_with_the_key_that_opened_it(school: School) -> None:
    key = await school.issue("north", "listener", Role.SERVICE)
    scope = {"type": "http", "method": "GET", "path": "/", "client": ELSEWHERE, "app": school.app}
    scope["headers"] = [(b"authorization", f"Bearer {key}".encode())]
    from knowtrace.service.record import begin_record

    begin_record(scope)
    await school.classroom.identity.caller_of(scope)

    async def messages() -> AsyncIterator[bytes]:
        yield b"one"
        await school.desk.revoke("north", key.split("_")[1])
        school.classroom.identity.keys._rows.forget(key.split("_")[1])
        yield b"two"
        yield b"three"

    heard = [message async for message in while_known(messages(), scope, school.classroom)]
    assert heard == [b"one", GOODBYE]


async def test_requests_beyond_the_limit_wait_and_every_answer_says_how_many_are_left(
    tiny_run: Path, sqlite_url: str
) -> None:
    async with open_school(tiny_run, sqlite_url, rate_limit="5/day", student_rate_limit="2/day") as school:
        left = []
        for _ in range(5):
            answer = await school.ask(ADMIN, "GET", "/api/v1/skills")
            assert answer.status_code == 200
            left.append(answer.headers["ratelimit-remaining"])
        assert left == ["4", "3", "2", "1", "0"]
        refused = await school.ask(ADMIN, "GET", "/api/v1/skills")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 86_400
        assert refused.headers["ratelimit-limit"] == "5"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert (await school.ask(("north", "service"), "GET", "/api/v1/skills")).status_code == 200
        statuses = [
            (await school.ask(("north", "student"), "GET", "/api/v1/skills")).status_code for _ in range(3)
        ]
        assert statuses == [200, 200, 429]
        assert (await school.ask(None, "GET", "/health")).status_code == 200


async def test_guessing_is_slowed_down_and_known_keys_go_on(tiny_run: Path, sqlite_url: str) -> None:
    async with open_school(tiny_run, sqlite_url, failure_limit="3/day") as school:
        assert (await school.ask(ADMIN, "GET", "/api/v1/skills")).status_code == 200
        guesses = [
            await school.ask(None, "GET", "/api/v1/skills", headers={"X-API-Key": new_api_key().text})
            for _ in range(5)
        ]
        assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
        assert int(guesses[-1].headers["retry-after"]) >= 1
        assert (await school.ask(ADMIN, "GET", "/api/v1/skills")).status_code == 200


async def test_a_device_with_a_revoked_key_locks_nobody_else_out(tiny_run: Path, sqlite_url: str) -> None:
    """Behind one address, as a school's tablets are."""
    async with open_school(tiny_run, sqlite_url, failure_limit="3/day") as school:
        key = await school.issue("north", "lost tablet", Role.SERVICE)
        await school.desk.revoke("north", key.split("_")[1])
        for _ in range(10):
            assert (await school.ask(("north", "lost tablet"), "GET", "/api/v1/skills")).status_code == 401
        for name in ("admin", "educator", "service", "student"):
            assert (await school.ask(("north", name), "GET", "/api/v1/skills")).status_code == 200


async def test_a_tenants_keys_share_its_quota_and_no_other_tenant_feels_it(
    tiny_run: Path, sqlite_url: str
) -> None:
    """The north has six requests for all of its keys, the south three of its own; a denied one counts too."""
    quotas: dict[str, Any] = {"tenant_rate_limit": "6/day", "tenant_rate_limits": {"south": "3/day"}}
    async with open_school(tiny_run, sqlite_url, **quotas) as school:

        async def statuses(tenant_id: str, *names: str) -> list[int]:
            return [
                (await school.ask((tenant_id, name), "GET", "/api/v1/students")).status_code for name in names
            ]

        keys = ("admin", "educator", "student", "service", "admin", "educator")
        assert await statuses("north", *keys) == [200, 200, 403, 200, 200, 200]
        assert await statuses("north", "spare", "admin") == [429, 429]
        assert await statuses("south", "admin", "educator", "spare", "service") == [200, 200, 200, 429]
        refused = await school.ask(ADMIN, "GET", "/api/v1/students")
        assert "requests of this tenant" in refused.json()["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 86_400
        assert (refused.headers["ratelimit-limit"], refused.headers["ratelimit-remaining"]) == ("6", "0")


async def test_a_tenant_sends_as_many_answers_a_day_as_it_may(tiny_run: Path, sqlite_url: str) -> None:
    async with open_school(tiny_run, sqlite_url, events_per_day=3) as school:

        def events(first: int, count: int) -> list[dict[str, Any]]:
            at = "2026-03-01T10:00:00Z"
            return [
                {
                    "event_id": f"e{n}",
                    "student_id": "anna",
                    "item_id": "x",
                    "correct": True,
                    "answered_at": at,
                }
                for n in range(first, first + count)
            ]

        assert (await school.ask(ADMIN, "POST", "/api/v1/events", json=events(0, 2))).status_code == 200
        refused = await school.ask(ADMIN, "POST", "/api/v1/events", json=events(2, 2))
        assert refused.status_code == 429
        assert "answers of this tenant" in refused.json()["detail"]
        assert (await school.ask(ADMIN, "POST", "/api/v1/events", json=events(2, 1))).status_code == 200
        south = await school.ask(("south", "admin"), "POST", "/api/v1/events", json=events(0, 3))
        assert south.status_code == 200


async def test_deeds_are_in_the_audit_log_with_who_did_them(school: School) -> None:
    await school.answer("north", "anna", 0)
    body = {"student_id": "anna", "item_id": "x", "correct": False, "answered_at": "2026-03-01T10:00:00Z"}
    event = "/api/v1/events/north/anna/0"
    corrected = await school.ask(ADMIN, "PUT", event, json=body, headers={"X-Request-ID": "r-1"})
    assert corrected.json()["status"] == "corrected"
    assert (await school.ask(ADMIN, "PUT", event, json=body)).json()["status"] == "unchanged"
    assert (await school.ask(ADMIN, "DELETE", event)).json()["status"] == "withdrawn"
    assert (await school.ask(("north", "student"), "GET", "/api/v1/students")).status_code == 403
    assert (await school.ask(("north", "student"), "GET", "/api/v1/mastery/ben")).status_code == 403
    wrong = school.keys[ADMIN][:-4] + "zzzz".replace("z", "0")
    await school.ask(None, "GET", "/", headers={"Authorization": f"Bearer {wrong}"})
    await school.classroom.identity.journal.flush()

    lines = (await school.ask(ADMIN, "GET", "/api/v1/audit?limit=1000")).json()["lines"]
    done = [(line["action"], line["role"], line["outcome"]) for line in lines]
    assert done[:5] == [
        ("request", "admin", "refused"),
        ("mastery:read", "student", "denied"),
        ("students:list", "student", "denied"),
        ("answers.withdraw", "admin", "done"),
        ("answers.correct", "admin", "done"),
    ]
    assert all(action == "keys.create" for action, *_ in done[5:])
    assert lines[4]["request_id"] == "r-1"
    assert lines[4]["subject"] == f"key:{school.keys[ADMIN].split('_')[1]}"
    assert lines[3]["object_hash"] == lines[4]["object_hash"]
    about = await school.ask(ADMIN, "GET", "/api/v1/audit?object=event:north/anna/0&limit=1")
    assert [line["action"] for line in about.json()["lines"]] == ["answers.withdraw"]
    older = await school.ask(ADMIN, "GET", f"/api/v1/audit?before={about.json()['next_before']}&limit=1")
    assert older.json()["lines"][0]["action"] == "answers.correct"
    async with school.classroom.store.reading("north") as session:
        assert (await session.audit.verify()).problems == ()


async def test_denials_fill_no_log(school: School) -> None:
    from knowtrace.service.identity import journal

    for _ in range(journal.MOST_DENIALS + 40):
        await school.ask(("north", "student"), "GET", "/api/v1/students")
    await school.classroom.identity.journal.flush()
    lines = (await school.ask(ADMIN, "GET", "/api/v1/audit?limit=1000")).json()["lines"]
    assert (
        journal.MOST_DENIALS <= sum(line["outcome"] == "denied" for line in lines) <= 2 * journal.MOST_DENIALS
    )
    assert school.classroom.identity.journal._left_out["north"] <= 40


async def test_notes_wait_for_a_database_that_is_away(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = school.classroom.identity.journal
    await school.ask(("north", "student"), "GET", "/api/v1/students")

    def gone(*_: object) -> None:
        raise UnavailableError("The database cannot answer.")

    with monkeypatch.context() as patched:
        patched.setattr(type(school.classroom.store), "writing", gone)
        await journal.flush()
    await journal.flush()
    lines = (await school.ask(ADMIN, "GET", "/api/v1/audit")).json()["lines"]
    assert [line["outcome"] for line in lines].count("denied") == 1
    [student] = [key for key in await school.desk.all("north") if key.name == "student"]
    assert student.last_used_at is not None


async def test_no_cache_may_keep_what_one_caller_reads(school: School) -> None:
    for path in ("/api/v1/students", "/api/v1/mastery/anna", "/", "/metrics"):
        assert (await school.ask(ADMIN, "GET", path)).headers["cache-control"] == "no-store"


async def test_use_of_a_key_is_noted_to_the_hour(school: School) -> None:
    await school.ask(ADMIN, "GET", "/api/v1/skills")
    await school.classroom.identity.journal.flush()
    [key] = [key for key in await school.desk.all("north") if key.name == "admin"]
    assert key.last_used_at
    assert (key.last_used_at.minute, key.last_used_at.second) == (0, 0)


async def sign_in(school: School, key: str, **fields: str) -> httpx.Response:
    return await school.client.post("/sign-in", data={"key": key, **fields}, headers=SAME_SITE)


async def test_somebody_unknown_is_sent_to_sign_in_and_back(school: School) -> None:
    await school.answer("north", "anna", 0)
    sent = await school.client.get("/students/anna?x=1")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/students/anna%3Fx%3D1")
    form = await school.client.get(sent.headers["location"])
    assert form.status_code == 200
    assert 'value="/students/anna?x=1"' in form.text
    assert "default-src 'self'" in form.headers["content-security-policy"]
    done = await sign_in(school, school.keys[ADMIN], next="/students/anna?x=1")
    assert (done.status_code, done.headers["location"]) == (303, "/students/anna?x=1")
    cookie = done.headers["set-cookie"]
    assert all(
        part in cookie for part in (f"{COOKIE}=", "HttpOnly", "SameSite=lax", "Max-Age=28800", "Path=/")
    )
    assert school.keys[ADMIN] not in cookie
    page = await school.client.get("/students/anna")
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert (await school.client.get("/students/anna/view.json")).status_code == 200
    out = await school.client.post("/sign-out", headers=SAME_SITE)
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert (await school.client.get("/")).status_code == 303


async def test_a_student_who_signs_in_sees_their_own_page_and_no_list(school: School) -> None:
    await school.answer("north", "anna", 0)
    await school.answer("north", "ben", 0)
    done = await sign_in(school, school.keys["north", "student"])
    assert done.headers["location"] == "/students/anna"
    assert (await school.client.get("/students/anna")).status_code == 200
    for path in ("/", "/students/ben", "/students/nobody"):
        denied = await school.client.get(path)
        assert denied.status_code == 403
        assert "ben" not in denied.text.replace("/students/ben", "")


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/a\r\nb"]
)
async def test_signing_in_leads_to_no_other_site(school: School, then: str) -> None:
    done = await sign_in(school, school.keys[ADMIN], next=then)
    assert done.headers["location"] == "/"
    form = await school.client.get("/sign-in", params={"next": then})
    assert "evil" not in form.text


async def test_a_wrong_key_shows_the_form_again(school: School) -> None:
    for key in ("", "x", new_api_key().text):
        answer = await sign_in(school, key)
        assert answer.status_code == 401
        assert "not accepted" in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://school.test"}, True),
    ],
)
async def test_a_cookie_writes_only_from_our_own_pages(
    school: School, headers: dict[str, str], is_ours: bool
) -> None:
    """Signing in, signing out, and every call that changes something."""
    await sign_in(school, school.keys[ADMIN])
    event = {"event_id": "e", "student_id": "anna", "item_id": "x", "correct": True}
    body = {**event, "answered_at": "2026-03-01T10:00:00Z"}
    written = await school.client.post("/api/v1/events", json=body, headers=headers)
    assert written.status_code == (200 if is_ours else 403)
    key = {"key": school.keys[ADMIN]}
    assert (await school.client.post("/sign-in", data=key, headers=headers)).status_code == (
        303 if is_ours else 403
    )
    assert (await school.client.post("/sign-out", headers=headers)).status_code == (303 if is_ours else 403)


async def test_outside_development_the_cookie_needs_tls(tiny_run: Path, sqlite_url: str) -> None:
    async with open_school(tiny_run, sqlite_url, environment="production") as school:
        assert "Secure" in (await sign_in(school, school.keys[ADMIN])).headers["set-cookie"]


async def test_the_schema_says_who_must_tell_who_they_are(school: School) -> None:
    schema = (await school.ask(ADMIN, "GET", "/openapi.json")).json()
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "key"}
    open_paths = {
        path
        for path, operations in schema["paths"].items()
        for operation in operations.values()
        if "security" not in operation
    }
    assert open_paths == {
        "/api/v1/health",
        "/api/v1/health/ready",
        "/ping",
        "/v2/health/live",
        "/v2/health/ready",
    }
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "security" in operation:
                assert {"401", "403", "429"} <= set(operation["responses"])


async def test_a_token_of_the_provider_is_a_caller_like_any_other(
    tiny_run: Path, sqlite_url: str, tmp_path: Path
) -> None:
    keys_file = tmp_path / "keys.json"
    keys_file.write_bytes(public_keys(RSA))
    provider = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_keys": str(keys_file)}
    async with open_school(tiny_run, sqlite_url, **provider) as school:

        async def status(path: str, **claims: Any) -> int:
            headers = {"Authorization": f"Bearer {token(**claims).text}"}
            return (await school.ask(None, "GET", path, headers=headers)).status_code

        assert await status("/api/v1/students", role="educator") == 200
        assert await status("/api/v1/students", role="student", student_id="anna") == 403
        assert await status("/api/v1/mastery/anna", role="student", student_id="anna") == 200
        assert await status("/api/v1/mastery/ben", role="student", student_id="anna") == 403
        assert await status("/api/v1/audit", role="admin") == 200
        assert await status("/api/v1/students", role="educator", exp=5) == 401
    async with open_school(tiny_run, sqlite_url) as school:
        headers = {"Authorization": f"Bearer {token().text}"}
        assert (await school.ask(None, "GET", "/api/v1/skills", headers=headers)).status_code == 401
