"""POST and PUT /xapi/statements, by the rules of xAPI 1.0.3."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from knowtrace.service.classroom import Classroom

Body = dict[str, Any]
URL = "/xapi/statements"
ADL = "http://adlnet.gov/expapi"
SPOKEN = {"X-Experience-API-Version": "1.0.3"}
ANNA = "https://school.example/anna"


def number_id(number: int) -> str:
    return str(uuid.UUID(int=number + (4 << 76) + (8 << 60)))


@pytest.fixture
def statement(classroom: Classroom) -> Callable[..., Body]:
    items = classroom.tracer.vocabulary.items

    def make(number: int = 1, **changes: Any) -> Body:
        body: Body = {
            "id": number_id(number),
            "actor": {"account": {"homePage": "https://school.example", "name": "anna"}},
            "verb": {"id": f"{ADL}/verbs/answered"},
            "object": {"id": f"https://school.example/{items[number % len(items)].item_id}"},
            "result": {"success": number % 3 != 0},
            "timestamp": f"2026-03-01T{10 + number // 60:02d}:{number % 60:02d}:00Z",
        }
        body.update(changes)
        return {key: value for key, value in body.items() if value is not ...}

    return make


def voiding(number: int, target: int) -> Body:
    return {
        "id": number_id(number),
        "actor": {"mbox": "mailto:teacher@school.example"},
        "verb": {"id": f"{ADL}/verbs/voided"},
        "object": {"objectType": "StatementRef", "id": number_id(target)},
    }


async def send(client: httpx.AsyncClient, *statements: Body) -> httpx.Response:
    return await client.post(URL, json=list(statements), headers=SPOKEN)


async def put(client: httpx.AsyncClient, body: Body, number: int | None = None) -> httpx.Response:
    query = {} if number is None else {"statementId": number_id(number)}
    return await client.put(URL, json=body, params=query, headers=SPOKEN)


async def answers_of(client: httpx.AsyncClient, student: str = ANNA) -> list[Body]:
    found = await client.get(f"/api/v1/students/{student}/events")
    return found.json()["events"] if found.status_code == 200 else []


async def test_a_statement_is_answered_with_its_id_and_stands_in_the_log(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    sent = statement(
        1,
        result={"success": True, "duration": "PT12.5S", "response": "4"},
        context={
            "registration": number_id(77),
            "contextActivities": {
                "category": [
                    {"id": "https://s.example/ratios", "definition": {"type": f"{ADL}/activities/objective"}}
                ]
            },
        },
    )
    answer = await client.post(URL, json=sent, headers=SPOKEN)
    assert (answer.status_code, answer.json()) == (200, [number_id(1)])
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert answer.headers["X-KnowTrace-Statements"] == "answer=1, voiding=0, other=0, repeated=0"
    [stored] = await answers_of(client)
    assert stored["event_id"] == number_id(1)
    assert stored["answered_at"] == "2026-03-01T10:01:00Z"


async def test_an_array_is_answered_with_its_ids_in_order(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    answer = await send(client, statement(2), statement(1, id=...), statement(3))
    first, made, last = answer.json()
    assert (first, last) == (number_id(2), number_id(3))
    assert uuid.UUID(made).version == 4
    assert len(await answers_of(client)) == 3


@pytest.mark.parametrize("version", [None, "0.95", "2.0.0", "1.1"])
async def test_another_version_or_none_is_400(
    client: httpx.AsyncClient, statement: Callable[..., Body], version: str | None
) -> None:
    headers = {} if version is None else {"X-Experience-API-Version": version}
    for answer in (
        await client.post(URL, json=statement(1), headers=headers),
        await client.put(URL, json=statement(1), headers=headers, params={"statementId": number_id(1)}),
    ):
        assert answer.status_code == 400
        assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    assert await answers_of(client) == []


async def test_sending_again_changes_nothing_and_another_content_is_409(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    assert (await send(client, statement(1), statement(2))).status_code == 200
    again = await send(client, statement(2), {**statement(1), "version": "1.0.0"})
    assert (again.status_code, again.json()) == (200, [number_id(2), number_id(1)])
    assert again.headers["X-KnowTrace-Statements"].endswith("repeated=2")
    other = await send(client, statement(3), statement(1, result={"success": False}))
    assert other.status_code == 409
    assert len(await answers_of(client)) == 2, "statement 3 is refused with it"


async def test_content_that_is_no_part_of_the_answer_counts_too(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    await send(client, statement(1, result={"success": True, "response": "a"}))
    other = await send(client, statement(1, result={"success": True, "response": "b"}))
    assert other.status_code == 409


async def test_a_statement_without_a_time_keeps_that_of_its_first_sending(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    sent = statement(1, timestamp=..., stored="2020-01-01T00:00:00Z")
    for _ in range(2):
        assert (await send(client, sent)).status_code == 200
    [stored] = await answers_of(client)
    at = datetime.fromisoformat(stored["answered_at"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1), "`stored` is not for the sender to say"


async def test_put_is_204_then_204_then_409(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    for _ in range(2):
        answer = await put(client, statement(1, id=...), 1)
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await put(client, statement(1, result={"success": False}), 1)).status_code == 409
    assert (await put(client, statement(2), 1)).status_code == 400, "two ids"
    assert (await put(client, statement(1))).status_code == 422, "no statementId"
    for wrong in ("", None, 1):
        assert (await put(client, statement(1, id=wrong), 1)).status_code == 400, wrong
    assert (await put(client, statement(1, id="no uuid"), 1)).status_code == 400
    assert len(await answers_of(client)) == 1


async def test_voiding_withdraws_the_answer(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    await send(client, statement(1), statement(2))
    assert (await send(client, voiding(9, 1))).status_code == 200
    assert [found["event_id"] for found in await answers_of(client)] == [number_id(2)]
    assert (await send(client, voiding(9, 1))).status_code == 200, "and again"
    assert (await send(client, statement(1))).status_code == 200, "sent again, it does not come back"
    assert [found["event_id"] for found in await answers_of(client)] == [number_id(2)]
    read = (await client.get(f"/api/v1/mastery/{ANNA}")).json()
    assert read["num_answers"] == 1


async def test_an_answer_that_comes_after_its_voiding_never_counts(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    assert (await send(client, voiding(9, 1))).status_code == 200, "unknown: accepted, and kept"
    assert (await send(client, statement(1), statement(2))).status_code == 200
    assert [found["event_id"] for found in await answers_of(client)] == [number_id(2)]
    assert (await send(client, statement(3), voiding(10, 3))).status_code == 200, "in one batch"
    assert [found["event_id"] for found in await answers_of(client)] == [number_id(2)]


async def test_a_voiding_statement_cannot_be_voided(client: httpx.AsyncClient) -> None:
    assert (await send(client, voiding(8, 1), voiding(9, 8))).status_code == 400
    assert (await send(client, voiding(8, 1))).status_code == 200
    refused = await send(client, voiding(9, 8))
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["loc"] == [0, "object", "id"]


async def test_what_is_no_answer_is_kept_by_its_id(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    others = [
        statement(1, verb={"id": f"{ADL}/verbs/experienced"}),
        statement(2, result=...),
        statement(3, actor={"objectType": "Group", "member": [{"mbox": "mailto:a@b.example"}]}),
        statement(4, object={"objectType": "Agent", "mbox": "mailto:a@b.example"}),
        statement(5, result={"score": {"scaled": 0.5}}),
        statement(6, result={"score": {"scaled": -0.5}}),
        statement(7, object={"id": "https://school.example/" + "x" * 200}),
        statement(8, result={"success": True, "duration": "P1Y"}),
    ]
    answer = await send(client, *others)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-KnowTrace-Statements"] == "answer=0, voiding=0, other=8, repeated=0"
    assert await answers_of(client) == []
    assert (await send(client, statement(1))).status_code == 409
    assert (await send(client, others[0])).status_code == 200
    text = (await client.get("/metrics")).text
    assert 'knowtrace_learning_records_total{kind="other",standard="xapi"} 9.0' in text


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"actor": ...}, ["actor"]),
        ({"id": "7"}, ["id"]),
        ({"surprise": 1}, ["surprise"]),
        ({"result": None}, ["result"]),
        ({"result": {"success": "yes"}}, ["result", "success"]),
        ({"result": {"duration": "an hour"}}, ["result", "duration"]),
        ({"result": {"score": {"scaled": 1.1}}}, ["result", "score", "scaled"]),
        ({"result": {"score": {"raw": 5, "max": 4}}}, ["result", "score", "raw"]),
        ({"result": {"score": {"min": 4, "max": 4}}}, ["result", "score", "max"]),
        ({"verb": {"id": "answered"}}, ["verb", "id"]),
        ({"verb": {"id": f"{ADL}/verbs/answered", "display": "answered"}}, ["verb", "display"]),
        ({"verb": {"id": f"{ADL}/verbs/voided"}}, ["object", "objectType"]),
        ({"object": {"id": "item 7"}}, ["object", "id"]),
        ({"object": {"objectType": "StatementRef", "id": "7"}}, ["object", "id"]),
        ({"object": {"objectType": "Thing", "id": "a:b"}}, ["object", "objectType"]),
        ({"actor": {"mbox": "anna@school.example"}}, ["actor", "mbox"]),
        ({"actor": {"mbox": "mailto:a@b.example", "openid": "https://a.example"}}, ["actor"]),
        ({"actor": {"name": "anna"}}, ["actor"]),
        ({"actor": {"objectType": "Group"}}, ["actor", "member"]),
        ({"actor": {"account": {"name": "anna"}}}, ["actor", "account", "homePage"]),
        ({"context": {"registration": "r1"}}, ["context", "registration"]),
        ({"context": {"contextActivities": {"near": {"id": "a:b"}}}}, ["context", "contextActivities", "near"]),
        ({"context": {"extensions": {"no iri": 1}}}, ["context", "extensions", "no iri"]),
        ({"timestamp": "yesterday"}, ["timestamp"]),
        ({"timestamp": "1700000000"}, ["timestamp"]),
        ({"version": "2.0.0"}, ["version"]),
    ],
)  # fmt: skip
async def test_one_malformed_statement_refuses_the_batch(
    client: httpx.AsyncClient, statement: Callable[..., Body], changes: Body, place: list[str]
) -> None:
    answer = await send(client, statement(1), statement(2, **changes))
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [1, *place] in [error["loc"] for error in answer.json()["errors"]]
    assert await answers_of(client) == []
    assert (await send(client, statement(1, result={"success": False}))).status_code == 200, "no id was taken"


async def test_the_same_id_twice_in_a_batch_is_400(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    assert (await send(client, statement(1), statement(1))).status_code == 400


async def test_a_time_ahead_of_ours_refuses_the_batch_and_takes_no_id(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await send(client, statement(1), statement(2, timestamp=ahead))
    assert answer.status_code == 400
    assert number_id(2) in answer.json()["detail"]
    assert (await send(client, statement(1), statement(2))).status_code == 200


async def test_an_id_that_another_answer_has_is_409(
    client: httpx.AsyncClient, statement: Callable[..., Body], event: Callable[..., Body]
) -> None:
    await client.post("/api/v1/events", json=event(1, event_id=number_id(1)))
    assert (await send(client, statement(1))).status_code == 409
    assert (await send(client, statement(1, verb={"id": "a:b"}))).status_code == 409


async def test_a_thousand_at_most(client: httpx.AsyncClient, statement: Callable[..., Body]) -> None:
    answer = await send(client, *[statement(n, result=...) for n in range(1_001)])
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"[]", b"7", b"[1]", b"{", b"null"])
async def test_what_is_no_json_of_statements_is_422(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {**SPOKEN, "content-type": "application/json"}
    assert (await client.post(URL, content=body, headers=headers)).status_code == 422


async def test_a_sender_that_was_cut_off_sends_again(
    client: httpx.AsyncClient, classroom: Classroom, statement: Callable[..., Body]
) -> None:
    """As if the process had died after the ids were taken and before the answer was in the log."""
    submit = classroom.intake.submit
    try:
        classroom.intake.submit = _fails  # type: ignore[method-assign]
        assert (await send(client, statement(1, timestamp=...))).status_code == 500
    finally:
        classroom.intake.submit = submit  # type: ignore[method-assign]
    assert await answers_of(client) == []
    assert (await send(client, statement(1, timestamp=...))).status_code == 200
    assert len(await answers_of(client)) == 1


async def _fails(*_: object) -> Any:
    raise ConnectionAbortedError


async def test_a_statement_that_is_nested_too_deep_is_refused(
    client: httpx.AsyncClient, statement: Callable[..., Body]
) -> None:
    """Extensions are free, but what is read must be written again: orjson reads 1,024 levels and writes 254."""
    nested: Body = {}
    for _ in range(900):
        nested = {"more": nested}
    deep = statement(1, result={"success": True, "extensions": {"https://school.example/x": nested}})
    answer = await send(client, statement(2), deep)
    assert answer.status_code == 400, answer.text
    assert "nested deeper than 250 levels" in answer.json()["detail"]
    assert await answers_of(client) == [], "all or none"
