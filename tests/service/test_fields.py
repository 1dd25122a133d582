"""What requests are made of is read as their description says."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

Body = dict[str, Any]


@pytest.mark.parametrize(("sent", "status"), [(2, 200), (2.0, 200), (2.5, 422), (True, 422), ("2", 422)])
async def test_a_whole_number_may_be_written_as_any_number_of_json(
    client: httpx.AsyncClient, event: Callable[..., Body], sent: Any, status: int
) -> None:
    """JSON Schema 2020-12, validation, 6.1.1: a number with a zero fractional part is an integer."""
    answer = await client.post("/api/v1/events", json=event(hints_used=sent))
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("response", [1e30, -1e30, 2**31, 2**63, 2**64])
async def test_a_number_that_no_category_can_be_is_refused_before_it_is_stored(
    client: httpx.AsyncClient, event: Callable[..., Body], response: float
) -> None:
    """1e30 is an integer to JSON Schema, and more than JSON columns hold."""
    attempt = {"item_id": "item-001", "response": response, "timestamp": "2026-03-01T09:30:00Z"}
    asked = {"student_id": "anna", "candidate_items": ["item-001"], "attempt_history": [attempt]}
    assert (await client.post("/api/v1/predict", json=asked)).status_code == 422
    assert (await client.post("/api/v1/batch/submit", json={"requests": [asked]})).status_code == 422
    assert (await client.post("/api/v1/events", json=event(response=response))).status_code == 422


async def test_bounds_and_formats_are_described(app: FastAPI) -> None:
    fields = app.openapi()["components"]["schemas"]["EventIn"]["properties"]
    [count, _] = fields["hints_used"]["anyOf"]
    assert count == {"type": "integer", "minimum": 0, "maximum": 1_000_000}
    described = {name: fields["item_id"][name] for name in ("type", "format", "minLength", "maxLength")}
    assert described == {"type": "string", "format": "printable", "minLength": 1, "maxLength": 200}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/students/an%0Ana/events"),
        ("GET", "/api/v1/students/an%0Ana/stream"),
        ("GET", "/api/v1/mastery/anna%0A"),
        ("DELETE", "/api/v1/students/an%0Ana"),
        ("DELETE", "/api/v1/events/e%0A1"),
    ],
)
async def test_an_id_with_a_line_end_is_refused_as_such(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 422
    assert "printable" in answer.json()["errors"][0]["msg"]


def is_described(app: FastAPI, name: str, body: Body) -> bool:
    description = app.openapi()
    schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
    return Draft202012Validator(schema).is_valid(body)


@pytest.mark.parametrize(
    ("named", "is_good"),
    [
        ({"student_id": "anna"}, True),
        ({"user_id": "anna"}, True),
        ({"student_id": None, "user_id": "anna"}, True),
        ({"student_id": "anna", "user_id": "ben"}, False),
        ({"student_id": None}, False),
        ({}, False),
    ],
)
async def test_a_description_says_that_one_student_is_named(
    app: FastAPI, client: httpx.AsyncClient, event: Callable[..., Body], named: Body, is_good: bool
) -> None:
    body = {**event(student_id=...), **named}
    assert is_described(app, "EventIn", body) == is_good
    assert (await client.post("/api/v1/events", json=body)).is_success == is_good


@pytest.mark.parametrize(
    ("named", "is_good"),
    [
        ({"item_id": "a"}, True),
        ({"skill_id": 3}, True),
        ({"skill_ids": ["s"]}, True),
        ({"item_id": "a", "skill_ids": []}, True),
        ({"skill_ids": []}, False),
        ({"item_id": None}, False),
        ({"item_id": "a", "skill_id": "s", "skill_ids": ["s"]}, False),
        ({}, False),
    ],
)
async def test_a_description_says_that_something_is_named(
    app: FastAPI, client: httpx.AsyncClient, named: Body, is_good: bool
) -> None:
    step = {**named, "correct": True}
    assert is_described(app, "Step", step) == is_good
    answer = await client.post("/invocations", json={"user_sequence": [step]})
    assert (answer.status_code != 422) == is_good, answer.text


@pytest.mark.parametrize("name", ["inputs", "instances", "dataframe_records"])
async def test_a_table_without_rows_is_malformed_by_its_description_too(
    app: FastAPI, client: httpx.AsyncClient, name: str
) -> None:
    form = "".join(part.capitalize() for part in name.split("_"))
    assert not is_described(app, form, {name: []})
    assert (await client.post("/invocations", json={name: []})).status_code == 422


@pytest.mark.parametrize("index", [{}, 0, ""])
async def test_the_index_of_a_table_is_a_list(app: FastAPI, client: httpx.AsyncClient, index: Any) -> None:
    table = {"columns": ["user_sequence"], "data": [[[]]], "index": index}
    assert not is_described(app, "SequenceTable", table)
    answer = await client.post("/invocations", json={"dataframe_split": table})
    assert (answer.status_code, "index must be a list" in answer.text) == (422, True)
