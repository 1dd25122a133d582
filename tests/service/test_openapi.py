"""The description of the API is good enough to generate a client from."""

import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
async def description(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/openapi.json")).json()


@pytest.fixture
def operations(description: dict[str, Any]) -> list[Operation]:
    return [
        (method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


async def test_it_is_a_valid_document(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    validate(description)


async def test_every_operation_has_a_short_name_of_its_own(operations: list[Operation]) -> None:
    """A generator makes a method of it: read_mastery, not read_mastery_api_v1_mastery__student_id__get."""
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+){0,4}", name)] == []
    assert [name for name in names if len(name) > 32] == []


async def test_every_operation_says_what_it_does(operations: list[Operation]) -> None:
    assert [path for _, path, operation in operations if not operation.get("summary")] == []
    assert [path for _, path, operation in operations if not operation.get("description")] == []


async def test_every_success_has_a_schema(operations: list[Operation]) -> None:
    """An empty schema would be generated as Any. /ping answers with nothing, as SageMaker wants it, and so does 204."""
    for method, path, operation in operations:
        successes = {status: found for status, found in operation["responses"].items() if status[0] == "2"}
        assert successes, (method, path)
        for found in successes.values():
            if path == "/ping" or "204" in successes:
                assert "content" not in found
                continue
            assert found["content"], (method, path)
            for media_type, content in found["content"].items():
                assert content.get("schema"), (method, path, media_type)


async def test_no_operation_promises_the_refusals_of_the_framework(
    description: dict[str, Any], operations: list[Operation]
) -> None:
    """FastAPI declares a 422 of its own wherever nothing else does; the inference protocol answers 400."""
    schemas = description["components"]["schemas"]
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(schemas)
    of_protocol = [operation for _, path, operation in operations if path.startswith("/v2/models")]
    assert of_protocol
    assert not any("422" in operation["responses"] for operation in of_protocol)


async def test_every_body_and_parameter_has_a_schema(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        for parameter in operation.get("parameters", []):
            assert parameter["schema"], (method, path, parameter["name"])
        if "requestBody" in operation:
            for content in operation["requestBody"]["content"].values():
                assert content["schema"], (method, path)


async def test_every_part_of_a_path_is_a_parameter(operations: list[Operation]) -> None:
    for method, path, operation in operations:
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), (method, path)
