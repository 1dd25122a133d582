"""POST /caliper: envelopes, halves that wait for each other, grades that correct."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from knowtrace.service.classroom import Classroom

Body = dict[str, Any]
ANNA = "https://school.example/anna"


@pytest.fixture
def completed(classroom: Classroom) -> Callable[..., Body]:
    items = classroom.tracer.vocabulary.items

    def make(number: int = 1, **changes: Any) -> Body:
        return {
            "id": f"urn:uuid:completed-{number}",
            "type": "AssessmentItemEvent",
            "action": "Completed",
            "actor": {"id": ANNA, "type": "Person", "name": "Anna A."},
            "object": {"id": items[number].item_id, "type": "AssessmentItem"},
            "generated": {"type": "Response", "attempt": attempt(number), "duration": "PT30S"},
            "eventTime": f"2026-03-01T10:{number:02d}:00Z",
            "session": {"id": "urn:session:1"},
            **changes,
        }

    return make


def attempt(number: int) -> Body:
    return {"id": f"urn:attempt:{number}", "type": "Attempt", "assignee": {"id": ANNA}, "count": 2}


def graded(number: int = 1, given: float = 1, **changes: Any) -> Body:
    return {
        "id": f"urn:uuid:graded-{number}",
        "type": "GradeEvent",
        "action": "Graded",
        "actor": {"id": "https://school.example/grader", "type": "SoftwareApplication"},
        "object": attempt(number),
        "generated": {"type": "Score", "scoreGiven": given, "maxScore": 1},
        "eventTime": f"2026-03-01T11:{number:02d}:00Z",
        **changes,
    }


async def send(client: httpx.AsyncClient, *events: Body, **changes: Any) -> httpx.Response:
    envelope = {
        "sensor": "https://school.example/sensor",
        "sendTime": "2026-03-01T12:00:00Z",
        "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p1",
        "data": list(events),
        **changes,
    }
    sent = {key: value for key, value in envelope.items() if value is not ...}
    return await client.post("/caliper", json=sent)


async def answers_of(client: httpx.AsyncClient) -> list[Body]:
    found = await client.get(f"/api/v1/students/{ANNA}/events")
    return found.json()["events"] if found.status_code == 200 else []


async def test_a_pair_is_an_answer_under_the_attempts_id(
    client: httpx.AsyncClient, completed: Callable[..., Body], classroom: Classroom
) -> None:
    answer = await send(client, completed(1), graded(1))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "num_events": 2,
        "num_repeated": 0,
        "num_other": 0,
        "num_answers_accepted": 1,
        "num_answers_corrected": 0,
        "num_attempts_waiting": 0,
    }
    async with classroom.store.reading("default") as session:
        stored = await session.events.find("urn:attempt:1")
        kept = await session.records.known("caliper", ["urn:uuid:completed-1"])
    assert stored is not None
    said = stored.interaction
    assert (said.student_id, said.response, said.attempt, said.session_id) == (ANNA, 1, 2, "urn:session:1")
    assert (said.elapsed_seconds, said.answered_at and said.answered_at.minute) == (30.0, 1)
    assert "Anna A." not in str(kept), "no name is kept"


@pytest.mark.parametrize("grade_first", [False, True])
async def test_halves_wait_for_each_other_across_envelopes(
    client: httpx.AsyncClient, completed: Callable[..., Body], *, grade_first: bool
) -> None:
    halves = [completed(1), graded(1)]
    first, second = reversed(halves) if grade_first else halves
    waiting = (await send(client, first)).json()
    assert (waiting["num_answers_accepted"], waiting["num_attempts_waiting"]) == (0, 1)
    assert await answers_of(client) == []
    assert (await send(client, second)).json()["num_answers_accepted"] == 1
    [stored] = await answers_of(client)
    assert stored["answered_at"] == "2026-03-01T10:01:00Z"


async def test_a_grade_that_names_its_item_needs_no_completion_which_then_corrects_it(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    item = completed(1)["object"]
    alone = graded(1, object={**attempt(1), "assignable": item})
    assert (await send(client, alone)).json()["num_answers_accepted"] == 1
    [stored] = await answers_of(client)
    assert stored["answered_at"] == "2026-03-01T11:01:00Z"
    assert (await send(client, completed(1))).json()["num_answers_corrected"] == 1
    [stored] = await answers_of(client)
    assert stored["answered_at"] == "2026-03-01T10:01:00Z"


async def test_the_last_grade_counts_in_whatever_order_they_come(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    first = graded(1, given=0)
    second = graded(1, given=1, id="urn:uuid:regraded", eventTime="2026-03-02T11:00:00Z")
    await send(client, completed(1), second)
    assert (await send(client, first)).json()["num_answers_corrected"] == 0
    [stored] = await answers_of(client)
    assert stored["response"] == 1
    third = graded(1, given=0, id="urn:uuid:third", eventTime="2026-03-03T11:00:00Z")
    assert (await send(client, third)).json()["num_answers_corrected"] == 1
    [stored] = await answers_of(client)
    assert stored["response"] == 0


async def test_sending_again_changes_nothing_and_another_content_is_409(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    await send(client, completed(1), graded(1))
    again = (await send(client, completed(1), graded(1))).json()
    assert (again["num_repeated"], again["num_answers_accepted"], again["num_answers_corrected"]) == (2, 0, 0)
    assert (await send(client, completed(2), graded(1, given=0))).status_code == 409
    assert (await send(client, completed(2))).json()["num_repeated"] == 0, "refused with it"


async def test_a_withdrawn_answer_stays_withdrawn(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    await send(client, completed(1), graded(1))
    await client.delete("/api/v1/events/urn:attempt:1")
    regraded = graded(1, given=0, id="urn:uuid:regraded", eventTime="2026-03-02T11:00:00Z")
    assert (await send(client, regraded)).status_code == 200
    assert await answers_of(client) == []


async def test_an_attempt_is_one_students(client: httpx.AsyncClient, completed: Callable[..., Body]) -> None:
    await send(client, graded(1))
    assert (await send(client, completed(1, actor={"id": "https://school.example/ben"}))).status_code == 409
    assert (await send(client, completed(1))).json()["num_answers_accepted"] == 1


async def test_other_events_and_entities_are_counted(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    viewed = {**completed(1), "id": "urn:uuid:viewed", "type": "ViewEvent", "action": "Viewed"}
    entity = {"id": "https://school.example/course", "type": "CourseOffering"}
    assert (await send(client, viewed, entity)).json()["num_other"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"sensor": ...},
        {"sendTime": "soon"},
        {"dataVersion": 1},
        {"data": []},
        {"data": [1]},
        {"data": "x"},
        {"more": 1},
    ],
)
async def test_a_malformed_envelope_is_422(client: httpx.AsyncClient, changes: Body) -> None:
    assert (await send(client, graded(1), **changes)).status_code == 422


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"actor": None}, "an actor"),
        ({"id": ""}, "an id"),
        ({"id": "x" * 201}, "an id"),
        ({"eventTime": "2026-03-01T10:00:00"}, "eventTime"),
        ({"object": {}}, "names the attempt"),
        ({"generated": {"scoreGiven": 2, "maxScore": 1}}, "scoreGiven"),
        ({"generated": {"scoreGiven": 1, "maxScore": 2}}, "categories"),
    ],
)
async def test_one_event_that_breaks_a_rule_refuses_the_envelope(
    client: httpx.AsyncClient, completed: Callable[..., Body], changes: Body, words: str
) -> None:
    answer = await send(client, completed(1), completed(2), graded(2), graded(1, **changes))
    assert answer.status_code == 400, answer.text
    assert words in answer.text
    assert await answers_of(client) == []
    assert (await send(client, completed(2))).json()["num_repeated"] == 0


@pytest.mark.parametrize("entity", [{"type": "Person"}, {"type": "Person", "id": 7}, {"id": "a"}])
async def test_an_entity_without_an_id_or_a_type_refuses_the_envelope(
    client: httpx.AsyncClient, completed: Callable[..., Body], entity: Body
) -> None:
    """The schema asks for both: whoever leaves one out would be told that all was taken."""
    answer = await send(client, completed(1), entity)
    assert answer.status_code == 400, answer.text
    assert "data, 1" in answer.text or "data.1" in answer.text, answer.text
    assert (await send(client, completed(1))).json()["num_repeated"] == 0


async def test_too_many_events_are_413(client: httpx.AsyncClient) -> None:
    assert (await send(client, *[{"id": "a", "type": "B"}] * 1_001)).status_code == 413


async def test_grades_sent_at_once_end_in_the_last_one(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    await send(client, completed(1))
    grades = [
        graded(1, given=n % 2, id=f"urn:uuid:g{n}", eventTime=f"2026-03-02T11:{n:02d}:00Z") for n in range(12)
    ]
    sent = await asyncio.gather(*(send(client, grade) for grade in grades))
    assert {answer.status_code for answer in sent} <= {200, 503}
    [stored] = await answers_of(client)
    assert stored["response"] == 1


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"eventTime": "0001-01-01T00:00:00+14:00"}, "eventTime"),
        ({"eventTime": "2026-03-01T10:00:00"}, "eventTime"),
        ({"actor": {"id": "x" * 201}}, "student"),
        ({"actor": {"id": "a\0b"}}, "student"),
    ],
)
async def test_what_no_row_can_hold_is_refused_before_it_is_stored(
    client: httpx.AsyncClient, completed: Callable[..., Body], changes: Body, place: str
) -> None:
    """A time that UTC has no place for; a student's id longer than its column; a NUL, which PostgreSQL refuses."""
    answer = await send(client, completed(1, **changes))
    assert answer.status_code == 400, answer.text
    assert [error["loc"] for error in answer.json()["errors"]] == [["data", 0, place]]


async def test_an_event_that_is_nested_too_deep_is_refused(
    client: httpx.AsyncClient, completed: Callable[..., Body]
) -> None:
    nested: Body = {}
    for _ in range(900):
        nested = {"object": nested}
    answer = await send(client, completed(1, extensions=nested))
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert "nested deeper than 250 levels" in answer.json()["detail"]
