"""Every operation of the service has its place in the client, and is tried again only if it may be."""

import inspect
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from client.conftest import Clock
from client.hostile import DROP, HostileServer, response
from knowtrace.client import (
    Client,
    ConflictError,
    Event,
    NoAnswerError,
    NotFoundError,
    Question,
    UnavailableError,
    UnreadableAnswerError,
    calls,
    operations,
)
from knowtrace.client.answers import Answer, Nothing
from knowtrace.client.call import Call
from knowtrace.client.operations import (
    audit,
    catalogue,
    history,
    jobs,
    keys,
    models,
    schedules,
    standards,
    status,
    students,
    webhooks,
)
from knowtrace.service.app import create_app
from knowtrace.settings import Settings

Connect = Callable[..., Any]
EVENT = Event(student_id="s", item_id="i", correct=True, answered_at=datetime(2026, 3, 1, tzinfo=UTC))
QUESTION = Question(student_id="s", item_ids=["i"])
VERSION = "dkt-fdf2a1fffff1"
STATEMENT: dict[str, Any] = {
    "id": "1c0fb1d0-5f2c-4f6e-9a51-0f4f30f1a001",
    "actor": {"account": {"homePage": "https://school.example", "name": "anna"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {"id": "https://school.example/items/7"},
    "result": {"success": True},
    "timestamp": "2026-03-01T09:00:00Z",
}

CALLS: dict[str, list[Call[Any]]] = {
    "post_events": [calls.send_event(EVENT), calls.send_events([EVENT])],
    "put_event": [calls.correct_event(EVENT)],
    "delete_event": [calls.withdraw_event("e")],
    "read_mastery": [calls.mastery("s", skill="k", every_skill=False)],
    "post_prediction": [calls.predict("s", ["i"], history=(), model_version=None)],
    "post_recommendations": [calls.recommend("s", "k", max_items=5, time_window=None)],
    "list_students": [calls.students(limit=5, cursor=None)],
    "ready": [calls.health()],
    "read_audit": [audit.read(about="event:e1", limit=5)],
    "list_skills": [catalogue.skills(limit=5)],
    "list_items": [catalogue.items(skill="k")],
    "read_history": [history.read("s", limit=5)],
    "read_timeline": [history.timeline("s", skill="k")],
    "post_predictions": [jobs.predict_at_once([QUESTION])],
    "submit_job": [jobs.submit([QUESTION], priority="low", callback_url="https://x.example")],
    "read_job_status": [jobs.status("j")],
    "read_job_results": [jobs.results("j", cursor="5")],
    "cancel_job": [jobs.cancel("j")],
    "list_keys": [keys.read()],
    "create_key": [keys.create("student", "tablet", student_id="s", expires_days=3)],
    "rotate_key": [keys.rotate("k")],
    "revoke_key": [keys.revoke("k")],
    "list_models": [models.read()],
    "load_model": [models.load(VERSION)],
    "unload_model": [models.unload(VERSION)],
    "activate": [models.activate(VERSION)],
    "follow_alias": [models.follow("models:/dkt@champion")],
    "roll_back": [models.roll_back()],
    "begin_canary": [models.begin_canary(VERSION, share=0.1)],
    "end_canary": [models.end_canary()],
    "begin_shadow": [models.begin_shadow(VERSION)],
    "end_shadow": [models.end_shadow()],
    "list_schedules": [schedules.read()],
    "run_schedule": [schedules.begin("retention")],
    "post_statements": [standards.send_statements([STATEMENT])],
    "put_statement": [standards.put_statement(STATEMENT["id"], STATEMENT)],
    "post_envelope": [standards.send_envelope({})],
    "read_dependencies": [status.dependencies()],
    "read_stats": [status.stats()],
    "export_student": [students.export("s")],
    "read_consent": [students.consent("s")],
    "put_consent": [students.set_consent("s", training=True)],
    "erase": [students.erase("s")],
    "delete_cache": [students.forget_remembered("s")],
    "list_webhooks": [webhooks.read()],
    "create_webhook": [webhooks.create("https://x.example", ["alert"])],
    "delete_webhook": [webhooks.remove("w")],
    "list_dead_messages": [webhooks.dead("w")],
    "retry_dead_messages": [webhooks.retry("w")],
}
"""Each operation of the service by its id, as the client sends it."""

LEFT_OUT = {
    "stream": "events until somebody hangs up: no answer to wait for; EventSource and its like read them",
    "live": "for probes; `health` says more",
    "metrics": "for Prometheus, in its own form",
    "read_mastery_vector": "the same as `mastery`, in the words of an older client",
    "ping": "SageMaker's, which calls it itself",
    "invoke": "SageMaker's and MLflow's, whose clients speak it",
} | dict.fromkeys(
    (
        "server_metadata",
        "server_live",
        "server_ready",
        "model_metadata",
        "model_version_metadata",
        "model_ready",
        "model_version_ready",
        "model_infer",
        "model_version_infer",
    ),
    "the Open Inference Protocol, which has clients of its own",
)
"""Operations that the client does not send, and why not."""


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations_of(description: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_is_sent_by_the_client_or_left_out_for_a_reason(description: dict[str, Any]) -> None:
    assert set(operations_of(description)) == set(CALLS) | set(LEFT_OUT)
    assert not set(CALLS) & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


def test_everything_the_client_can_send_is_looked_at_here() -> None:
    rooms = (calls, *(getattr(operations, name) for name in operations.__all__))
    public = [
        function
        for room in rooms
        for name, function in inspect.getmembers(room, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == room.__name__
    ]
    assert len(public) == sum(map(len, CALLS.values()))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_what_the_description_says(description: dict[str, Any], name: str) -> None:
    method, path, operation = operations_of(description)[name]
    known = {p["name"] for p in operation.get("parameters", []) if p["in"] in ("query", "header")}
    for call in CALLS[name]:
        assert call.method == method
        assert re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), call.path)
        assert set(call.params) | set(call.headers) <= known
        assert (call.body is not None) == ("requestBody" in operation)
        [(code, answer)] = [found for found in operation["responses"].items() if found[0].startswith("2")]
        if code == "204":
            assert call.answer is Nothing
        elif call.answer.read.__func__ is Answer.read.__func__:  # type: ignore[attr-defined]
            content = answer["content"]["application/json"]["schema"]
            of_answer = [promised(one, description) for one in content.get("anyOf", [content])]
            assert any(is_promised(call.answer, one, description) for one in of_answer), call.answer


def promised(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to the schema it names."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return description["components"]["schemas"][name] if name else schema


def is_promised(answer: type[BaseModel], schema: dict[str, Any], description: dict[str, Any]) -> bool:
    """Return whether every field that the client needs is one that the service always sends, at any depth."""
    for name, field in answer.model_fields.items():
        if field.is_required() and name not in schema.get("required", []):
            return False
        inner = schema.get("properties", {}).get(name, {})
        for part in [*get_args(field.annotation), field.annotation]:
            if get_origin(part) is None and isinstance(part, type) and issubclass(part, BaseModel):
                found = [inner, inner.get("items", {}), *inner.get("anyOf", [])]
                if not any(is_promised(part, promised(one, description), description) for one in found):
                    return False
    return True


def test_a_field_that_the_service_does_not_promise_is_seen_at_any_depth(description: dict[str, Any]) -> None:
    class Model(models.Model):
        colour: str

    class Models(Answer):
        models: list[Model]

    schema = promised({"$ref": "#/components/schemas/ModelsOut"}, description)
    assert is_promised(models.Models, schema, description)
    assert not is_promised(Models, schema, description)


@pytest.fixture
def client(connect: Connect, service: str) -> Any:
    return connect(service)


@pytest.fixture
def student() -> str:
    return f"anna-{uuid.uuid4().hex}"


def test_a_student_is_shown_handed_out_asked_and_forgotten(client: Any, student: str) -> None:
    [item, *_] = client.run(catalogue.items(limit=1)).items
    assert client.run(catalogue.skills()).skills[0].skill_id in item.skill_ids
    event = Event(
        student_id=student,
        item_id=item.item_id,
        correct=True,
        answered_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    client.send_event(event)
    [stored] = client.run(history.read(student)).events
    assert (stored.event_id, stored.response) == (event.event_id, 1)
    [point] = client.run(history.timeline(student)).points
    assert point.mastery[0].interaction_count == 1
    assert client.run(students.consent(student)).is_default
    assert client.run(students.set_consent(student, training=True)).training
    kinds = [line["kind"] for line in client.run(students.export(student)).lines]
    assert (kinds[0], kinds[-1]) == ("export", "end")
    assert "consent" in kinds
    assert client.run(students.forget_remembered(student)).shared_cache == "none"
    receipt = client.run(students.erase(student))
    assert (receipt.rows["events"], receipt.rows["student_consents"]) == (1, 1)
    assert client.run(history.read(student)).events == []
    [line] = client.run(audit.read(about=f"student:{student}", limit=1)).lines
    assert line.action == f"students.erase {receipt.receipt_id}"


def test_many_predictions_at_once_and_later(client: Any, student: str) -> None:
    questions = [Question(student_id=student, item_ids=["x"]), Question(student_id=student, item_ids=["y"])]
    batch = client.run(jobs.predict_at_once(questions))
    assert [list(answer.predictions) for answer in batch.responses] == [["x"], ["y"]]
    job = client.run(jobs.submit(questions, priority="high"))
    for _ in range(1_000):
        job = client.run(jobs.status(job.job_id))
        if job.status == "completed":
            break
    first = client.run(jobs.results(job.job_id, limit=1))
    assert first.results[0].prediction.predictions == batch.responses[0].predictions
    rest = client.run(jobs.results(job.job_id, cursor=first.next_cursor))
    assert [result.number for result in rest.results] == [1]
    assert client.run(jobs.cancel(job.job_id)).job_id == job.job_id
    with pytest.raises(NotFoundError):
        client.run(jobs.status("0" * 32))


def test_models_and_schedules_are_looked_after(client: Any) -> None:
    [served] = client.run(models.read()).models
    assert (served.is_active, served.parts) == (True, ["champion"])
    assert client.run(models.load(served.version)).is_loaded
    assert client.run(models.activate(served.version)).is_active
    for refused in (
        models.unload(served.version),
        models.begin_canary(served.version),
        models.begin_shadow(served.version),
        models.roll_back(),
        models.follow("models:/dkt@champion"),
    ):
        with pytest.raises(ConflictError):
            client.run(refused)
    assert client.run(models.end_canary()).canary_share is None
    assert client.run(models.end_shadow()).shadow_share is None
    run = client.run(schedules.begin("item_parameters"))
    [found] = [one for one in client.run(schedules.read()).schedules if one.name == "item_parameters"]
    assert run.due_at in [one.due_at for one in found.runs]
    assert {part.name for part in client.run(status.dependencies()).dependencies} >= {"store", "intake"}
    assert client.run(status.stats()).model_version == served.version


def test_keys_and_webhooks_are_made_and_taken_away(client: Any) -> None:
    issued = client.run(keys.create("educator", "desk", expires_days=5))
    assert client.run(keys.rotate(issued.key_id, overlap_hours=1.5)).key != issued.key
    [listed] = [key for key in client.run(keys.read()).keys if key.key_id == issued.key_id]
    assert (listed.name, listed.num_secrets) == ("desk", 2)
    assert client.run(keys.revoke(issued.key_id)).key_id == issued.key_id
    hook = client.run(webhooks.create("http://127.0.0.1:1/hook", ["alert", "mastery"]))
    assert hook.secret.startswith("whsec_")
    assert hook.webhook_id in [one.webhook_id for one in client.run(webhooks.read()).webhooks]
    assert client.run(webhooks.dead(hook.webhook_id)).messages == []
    assert client.run(webhooks.retry(hook.webhook_id)).num_retried == 0
    assert client.run(webhooks.remove(hook.webhook_id)) == Nothing()


def test_statements_and_envelopes_of_others_are_passed_on(client: Any) -> None:
    statement = {**STATEMENT, "id": str(uuid.uuid4())}
    assert client.run(standards.send_statements([statement])).ids == [statement["id"]]
    assert client.run(standards.send_statements([statement])).ids == [statement["id"]]
    assert client.run(standards.put_statement(statement["id"], statement)) == Nothing()
    envelope = {
        "sensor": "https://school.example/sensor",
        "sendTime": "2026-03-01T09:00:00.000Z",
        "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p2",
        "data": [
            {
                "@context": "http://purl.imsglobal.org/ctx/caliper/v1p2",
                "id": f"urn:uuid:{uuid.uuid4()}",
                "type": "SessionEvent",
                "profile": "SessionProfile",
                "actor": {"id": "https://school.example/anna", "type": "Person"},
                "action": "LoggedIn",
                "object": {"id": "https://school.example", "type": "SoftwareApplication"},
                "eventTime": "2026-03-01T09:00:00.000Z",
            }
        ],
    }
    result = client.run(standards.send_envelope(envelope))
    assert (result.num_events, result.num_other) == (1, 1)


BUSY = response("503 Service Unavailable", b"{}")
BETWEEN = response("502 Bad Gateway", b"<html>")
DONE = response(
    "200 OK",
    b'{"model_name":"dkt","version":"dkt-1","is_loaded":true,"is_active":true,"parts":[],"loaded_at":null,'
    b'"parameters":1,"performance_metrics":{},"failures":0,"median_answer_ms":null}',
)


def test_what_would_be_done_twice_is_tried_again_only_where_it_was_not_begun(
    connect: Connect, clock: Clock
) -> None:
    """A rollback that is sent again after a lost answer would bring back what was rolled back."""
    with HostileServer([BUSY, DONE]) as server:
        assert connect(server.url).run(models.roll_back()).version == "dkt-1"
        assert len(server.requests) == 2
    with HostileServer([DROP, DONE]) as server:
        with pytest.raises(NoAnswerError, match=r"in 1 try .* It may have been done: look before"):
            connect(server.url).run(models.roll_back())
        assert len(server.requests) == 1
    with HostileServer([BETWEEN, DONE]) as server:
        with pytest.raises(UnavailableError):
            connect(server.url).run(models.roll_back())
        assert len(server.requests) == 1
    with HostileServer([DROP, BETWEEN, DONE]) as server:
        assert connect(server.url).run(models.activate("dkt-1")).version == "dkt-1"
        assert len(server.requests) == 3


def test_statements_without_ids_would_be_stored_twice() -> None:
    without = {name: value for name, value in STATEMENT.items() if name != "id"}
    assert standards.send_statements([STATEMENT]).is_repeatable
    assert not standards.send_statements([STATEMENT, without]).is_repeatable


def test_an_export_that_is_cut_short_is_none(connect: Connect) -> None:
    cut = response("200 OK", b'{"kind":"export","schema_version":1}\n{"kind":"event"}\n')
    with HostileServer([cut]) as server, pytest.raises(UnreadableAnswerError, match="cut short"):
        connect(server.url).run(students.export("anna"))


def test_a_clients_method_and_the_operation_are_one() -> None:
    """What the class offers by name is what `calls` has: nothing else is hidden in it."""
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}
    named = {name for name, _ in inspect.getmembers(calls, inspect.isfunction)} - {
        "get",
        "post",
        "put",
        "delete",
        "segment",
    }
    assert methods - {"run", "close"} == named
