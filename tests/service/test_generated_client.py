"""A client that is generated from what the service says of itself works, with types for all that it sends and gets."""

import copy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from knowtrace.domain import Vocabulary
from knowtrace.registry import Run
from service.generated_client import operations_of, write_client

Body = dict[str, Any]


@pytest.fixture
async def document(client: httpx.AsyncClient) -> Body:
    return (await client.get("/openapi.json")).json()


@pytest.fixture
def generated(document: Body, tmp_path: Path) -> ModuleType:
    return write_client(document, tmp_path / "generated.py")


@pytest.fixture
def api(generated: ModuleType, client: httpx.AsyncClient) -> Any:
    return generated.Client(client)


@pytest.fixture
def vocabulary(opened_run: Run) -> Vocabulary:
    return opened_run.vocabulary


async def test_a_lesson_can_be_held_through_it(
    api: Any, event: Callable[..., Body], vocabulary: Vocabulary
) -> None:
    sent = await api.post_events(body={"events": [event(1), event(2)]})
    assert [result["status"] for result in sent["results"]] == ["accepted", "accepted"]
    item = vocabulary.item(event(1)["item_id"])
    assert item is not None
    mastery = await api.read_mastery("anna", skill=item.skill_ids[0])
    assert mastery["student_id"] == "anna"
    asked = {"student_id": "anna", "candidate_items": [item.item_id]}
    predicted = await api.post_prediction(body=asked)
    assert set(predicted["predictions"]) == {item.item_id}
    advice = await api.post_recommendations(body={"student_id": "anna", "skill": item.skill_ids[0]})
    assert advice["recommendations"]
    correction = {key: value for key, value in event(1, correct=True).items() if key != "event_id"}
    assert (await api.put_event("e1", body=correction))["event_id"] == "e1"
    assert (await api.delete_event("e1"))["event_id"] == "e1"
    history = await api.read_history("anna")
    assert [one["event_id"] for one in history["events"]] == ["e2"]
    job = await api.submit_job(body={"requests": [asked]})
    assert (await api.read_job_status(job["job_id"]))["job_id"] == job["job_id"]
    assert (await api.erase("anna"))["receipt_id"]


async def test_whatever_can_be_read_without_naming_an_object_can_be_read_through_it(
    api: Any, document: Body, event: Callable[..., Body]
) -> None:
    await api.post_events(body=event(1))
    read = [
        operation["operationId"]
        for method, _, operation in operations_of(document)
        if method == "GET" and not any(p.get("required") for p in operation.get("parameters", []))
    ]
    assert len(read) >= 15
    for name in read:
        if (
            name == "read_mastery_vector"
        ):  # without a name it is the caller's own, and this caller is no student
            continue
        await getattr(api, name)()


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("read_mastery", {"student_id": "anna", "skill": "alchemy"}, 404),
        ("read_job_results", {"job_id": "0" * 32}, 404),
        ("post_events", {"body": {"event_id": "e1"}}, 422),
        ("put_event", {"event_id": "none/such", "body": {}}, 422),
    ],
)
async def test_a_refusal_has_the_type_that_was_declared(
    api: Any, generated: ModuleType, name: str, arguments: Body, status: int
) -> None:
    with pytest.raises(generated.Refused) as refused:
        await getattr(api, name)(**arguments)
    assert refused.value.status == status
    assert refused.value.answer["status"] == status


async def test_an_answer_beyond_its_schema_is_noticed(
    document: Body, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    spoiled = copy.deepcopy(document)
    live = spoiled["components"]["schemas"]["Live"]
    live["properties"].pop("status")
    live.pop("required", None)
    api = write_client(spoiled, tmp_path / "spoiled.py").Client(client)
    with pytest.raises(ValidationError, match="status"):
        await api.live()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda document: document["components"]["schemas"].pop("Live"), NameError),
        (
            lambda document: document["components"]["schemas"]["Live"]["properties"].update(status={"x": 1}),
            KeyError,
        ),
        (lambda document: document["paths"]["/ping"]["get"].update(operationId="not-a-name"), ValueError),
    ],
    ids=["a reference to nothing", "no type", "no name"],
)
async def test_a_document_that_leaves_something_open_is_refused(
    document: Body, tmp_path: Path, spoil: Callable[[Body], object], error: type[Exception]
) -> None:
    spoil(document)
    with pytest.raises(error):
        write_client(document, tmp_path / "open.py")
