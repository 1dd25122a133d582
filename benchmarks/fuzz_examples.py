"""Examples of what a fuzzer would not draw by chance: bodies by the standards, tensors, answers that are there."""

import copy
import uuid
from datetime import UTC, datetime
from typing import Any

HOME = "https://school.example"
"""Where students of the standards have their accounts."""

ALIASED = "fuzzed"
"""The name of a model in an MLflow registry."""

Ids = dict[str, list[str]]
Example = dict[str, Any]


def with_examples(description: Example, ids: Ids) -> Example:
    """Return the description with an example for every operation that needs one: a body, and parameters by name."""
    described = copy.deepcopy(description)
    examples = _examples(ids, datetime.now(UTC).isoformat())
    for methods in described["paths"].values():
        for operation in methods.values():
            example = examples.get(operation["operationId"])
            if example is None:
                continue
            if "body" in example:
                operation["requestBody"]["content"]["application/json"]["example"] = example["body"]
            for parameter in operation.get("parameters", []):
                if parameter["name"] in example:
                    parameter["example"] = example[parameter["name"]]
    return described


def _examples(ids: Ids, now: str) -> dict[str, Example]:
    item, model, version = ids["item_id"][0], ids["model"][0], ids["version"][0]
    tensor = {"shape": [1], "datatype": "BYTES", "data": [item]}
    correct = {"name": "correct", "shape": [1], "datatype": "BOOL", "data": [True]}
    infer = {"inputs": [{"name": "item_id", **tensor}, correct, {"name": "asked_item_id", **tensor}]}
    statement = {
        "actor": {"account": {"homePage": HOME, "name": "anna"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
        "object": {"id": f"{HOME}/items/{item}"},
        "result": {"success": True},
        "timestamp": now,
    }
    spoken = {"X-Experience-API-Version": "1.0.3"}
    answered = {"student_id": "anna", "item_id": item, "correct": False, "answered_at": now}
    return {
        "post_events": {"body": {"event_id": str(uuid.uuid4()), **answered}},
        "put_event": {"event_id": ids["event_id"][0], "body": answered},
        "delete_event": {"event_id": ids["event_id"][-1]},
        "post_statements": {"body": statement, **spoken},
        "put_statement": {"statementId": str(uuid.uuid4()), "body": statement, **spoken},
        "post_envelope": {"body": _envelope(item, now)},
        "model_infer": {"model": model, "body": infer},
        "model_version_infer": {"model": model, "version": version, "body": infer},
        "follow_alias": {"body": {"alias": f"models:/{ALIASED}@champion"}},
        "unload_model": {"name": ids["model"][1], "body": {"version": ids["version"][1]}},
    }


def _envelope(item: str, now: str) -> Example:
    name, anna = f"urn:uuid:{uuid.uuid4()}", f"{HOME}/anna"
    attempt = {"id": f"{name}/attempt", "assignee": anna}
    completed = {
        "id": f"{name}/completed",
        "type": "AssessmentItemEvent",
        "action": "Completed",
        "actor": {"id": anna},
        "object": {"id": item},
        "generated": {"attempt": attempt},
        "eventTime": now,
    }
    graded = {
        "id": f"{name}/graded",
        "type": "GradeEvent",
        "action": "Graded",
        "actor": {"id": anna},
        "object": attempt,
        "generated": {"scoreGiven": 1, "maxScore": 1},
        "eventTime": now,
    }
    return {"sensor": HOME, "sendTime": now, "dataVersion": "v1p1", "data": [completed, graded]}
