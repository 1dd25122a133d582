"""/v2: the Open Inference Protocol (github.com/kserve/open-inference-protocol, inference_rest.md)"""

from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from knowtrace import __version__
from knowtrace.service.classroom import Classroom
from knowtrace.service.inference.schemas import InferResponse, ModelMetadata, OutputTensor
from service.histories import Body, tensor


@pytest.fixture
def model(classroom: Classroom) -> str:
    return f"/v2/models/{classroom.tracer.name}"


@pytest.fixture
def items(classroom: Classroom) -> list[str]:
    return [item.item_id for item in classroom.tracer.vocabulary.items]


def history(items: list[str]) -> list[Body]:
    return [tensor("item_id", "BYTES", items), tensor("correct", "BOOL", [True] * len(items))]


class TestServer:
    async def test_it_says_what_it_is(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/v2")
        assert answer.json() == {"name": "knowtrace", "version": __version__, "extensions": []}

    async def test_it_is_live_and_ready(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v2/health/live")).json() == {"live": True}
        assert (await client.get("/v2/health/ready")).json() == {"ready": True}

    async def test_a_service_that_stops_is_live_and_not_ready(
        self, client: httpx.AsyncClient, classroom: Classroom
    ) -> None:
        await classroom.intake.__aexit__(None, None, None)
        assert (await client.get("/v2/health/live")).status_code == 200
        answer = await client.get("/v2/health/ready")
        assert answer.status_code == 503
        assert set(answer.json()) == {"error"}
        assert answer.headers["retry-after"] == "1"
        assert 'error_type="UnavailableError"' in classroom.metrics.text().decode()


class TestMetadata:
    async def test_what_is_listed_is_what_is_returned(
        self, client: httpx.AsyncClient, model: str, items: list[str]
    ) -> None:
        listed = ModelMetadata.model_validate((await client.get(model)).json())
        asked = {"inputs": [*history(items[:3]), tensor("asked_item_id", "BYTES", items[:2])]}
        body = InferResponse.model_validate((await client.post(f"{model}/infer", json=asked)).json())
        assert [output.name for output in listed.outputs] == [output.name for output in body.outputs]
        for described, output in zip(listed.outputs, body.outputs, strict=True):
            assert described.datatype == output.datatype
            assert [2 if size == -1 else size for size in described.shape] == output.shape
            size = 1
            for length in output.shape:
                size *= length
            assert len(output.data) == size

    async def test_every_listed_input_is_taken_as_listed_and_in_no_other_form(
        self, client: httpx.AsyncClient, model: str, items: list[str]
    ) -> None:
        listed = ModelMetadata.model_validate((await client.get(model)).json())
        values: dict[str, Any] = {
            "item_id": items[0],
            "skill_ids": "",
            "response": 1,
            "correct": True,
            "answered_at": "2026-03-01T10:00:00Z",
            "elapsed_seconds": 2.5,
            "asked_item_id": items[0],
            "asked_skill_ids": "",
        }
        every = [tensor(i.name, i.datatype, [values[i.name]], *[1] * len(i.shape)) for i in listed.inputs]
        assert (await client.post(f"{model}/infer", json={"inputs": every})).status_code == 200
        for number, good in enumerate(every):
            other = "INT64" if good["datatype"] != "INT64" else "INT32"
            for change in (
                {"datatype": other},
                {"shape": [*good["shape"], 1]},
                {"shape": [2]},
                {"data": [None]},
            ):
                inputs = [*every[:number], {**good, **change}, *every[number + 1 :]]
                answer = await client.post(f"{model}/infer", json={"inputs": inputs})
                assert answer.status_code == 400, (good, change)
                assert set(answer.json()) == {"error"}

    async def test_a_version_may_be_named(
        self, client: httpx.AsyncClient, model: str, classroom: Classroom
    ) -> None:
        version = f"{model}/versions/{classroom.tracer.version}"
        assert (await client.get(version)).json() == (await client.get(model)).json()
        assert (await client.get(model)).json()["versions"] == [classroom.tracer.version]
        ready = {"name": classroom.tracer.name, "ready": True}
        assert (await client.get(f"{model}/ready")).json() == ready
        assert (await client.get(f"{version}/ready")).json() == ready

    @pytest.mark.parametrize("path", ["", "/ready", "/infer"])
    async def test_another_model_or_version_is_404(
        self, client: httpx.AsyncClient, model: str, classroom: Classroom, path: str
    ) -> None:
        asked = {"inputs": [tensor("asked_item_id", "BYTES", ["i1"])]}
        for base in ("/v2/models/sakt-of-nobody", f"{model}/versions/1"):
            if path == "/infer":
                answer = await client.post(base + path, json=asked)
            else:
                answer = await client.get(base + path)
            assert answer.status_code == 404
            assert "is loaded. Loaded:" in answer.json()["error"]


def test_ids_that_look_like_numbers_stay_texts_and_what_is_no_number_is_refused() -> None:
    ids = OutputTensor(name="mastery_skill_id", datatype="BYTES", shape=[1], data=["42"])
    assert ids.data == ["42"]
    with pytest.raises(ValidationError):
        OutputTensor(name="mastery", datatype="FP64", shape=[1], data=[float("nan")])


class TestInfer:
    async def test_the_id_is_returned_and_only_if_there_was_one(
        self, client: httpx.AsyncClient, model: str, classroom: Classroom, items: list[str]
    ) -> None:
        inputs = [tensor("asked_item_id", "BYTES", items[:1])]
        without = (await client.post(f"{model}/infer", json={"inputs": inputs})).json()
        with_id = (await client.post(f"{model}/infer", json={"id": "42", "inputs": inputs})).json()
        assert "id" not in without
        assert with_id == {**without, "id": "42"}
        assert with_id["model_name"] == classroom.tracer.name
        assert with_id["model_version"] == classroom.tracer.version
        assert with_id["parameters"] == {"degraded": False, "num_answers": 0}

    async def test_only_the_outputs_asked_for_are_returned_in_their_order(
        self, client: httpx.AsyncClient, model: str, items: list[str]
    ) -> None:
        asked = {
            "inputs": [tensor("asked_item_id", "BYTES", items[:2])],
            "outputs": [{"name": "mastery_skill_id"}, {"name": "expected_success"}],
        }
        body = (await client.post(f"{model}/infer", json=asked)).json()
        assert [output["name"] for output in body["outputs"]] == ["mastery_skill_id", "expected_success"]

    async def test_data_may_be_nested_as_the_shape_says(
        self, client: httpx.AsyncClient, model: str, classroom: Classroom
    ) -> None:
        one, other, *_ = classroom.tracer.vocabulary.skill_ids
        flat = tensor("asked_skill_ids", "BYTES", [one, "", other, ""], 2, 2)
        nested = tensor("asked_skill_ids", "BYTES", [[one, ""], [other, ""]], 2, 2)
        answers = [(await client.post(f"{model}/infer", json={"inputs": [t]})).json() for t in (flat, nested)]
        assert answers[0] == answers[1]
        assert answers[0]["outputs"][0]["shape"] == [2]

    async def test_an_item_named_by_its_skill_is_an_unseen_one(
        self, client: httpx.AsyncClient, model: str, classroom: Classroom
    ) -> None:
        skill = classroom.tracer.vocabulary.skill_ids[0]
        skills = tensor("asked_skill_ids", "BYTES", [skill, skill], 2, 1)
        names = tensor("asked_item_id", "BYTES", ["never-seen", ""])
        body = (await client.post(f"{model}/infer", json={"inputs": [names, skills]})).json()
        unseen, unnamed = body["outputs"][0]["data"]
        assert unseen == unnamed

    async def test_responses_say_what_correct_says(
        self, client: httpx.AsyncClient, model: str, items: list[str]
    ) -> None:
        asked = [tensor("item_id", "BYTES", items[:2]), tensor("asked_item_id", "BYTES", items[:2])]
        truths = tensor("correct", "BOOL", [True, False])
        categories = tensor("response", "INT32", [1, 0])
        answers = [
            (await client.post(f"{model}/infer", json={"inputs": [*asked, graded]})).json()
            for graded in (truths, categories)
        ]
        assert answers[0] == answers[1]

    async def test_every_problem_is_named_at_once(
        self, client: httpx.AsyncClient, model: str, items: list[str]
    ) -> None:
        inputs = [
            tensor("item_id", "BYTES", items[:2], 3),
            tensor("correct", "INT32", [1, 0]),
            tensor("elapsed_seconds", "FP64", [-3.0, 1.0]),
            tensor("input0", "FP32", [1.0]),
        ]
        error = (await client.post(f"{model}/infer", json={"inputs": inputs})).json()["error"]
        assert "'item_id' has 2 elements and its shape [3] says 3" in error
        assert "'correct' has datatype 'INT32' and must have BOOL" in error
        assert "'elapsed_seconds', element 0: must be a number of seconds" in error
        assert "'input0' is not known. Known: item_id, skill_ids" in error
        assert "must have one first size, and have 3, 2, 2" in error

    async def test_a_rule_that_an_answer_breaks_is_named(
        self, client: httpx.AsyncClient, model: str, items: list[str]
    ) -> None:
        inputs = [tensor("item_id", "BYTES", items[:2]), tensor("response", "INT32", [1, 9])]
        answer = await client.post(f"{model}/infer", json={"inputs": inputs})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("answer 1: response (9)")

    async def test_a_body_too_large_is_a_problem_as_it_is_on_every_route(
        self, client: httpx.AsyncClient, model: str
    ) -> None:
        answer = await client.post(f"{model}/infer", content=b" " * (512 * 1024 + 1))
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


ONE = tensor("asked_item_id", "BYTES", ["i1"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "inputs: Field required"),
        ({"inputs": []}, "at least 1 item"),
        ({"inputs": [ONE] * 17}, "at most 16"),
        ({"inputs": [ONE, ONE]}, "is sent twice"),
        ({"inputs": [ONE], "surprise": 1}, "surprise"),
        ({"inputs": [ONE], "id": ""}, "id"),
        ({"inputs": [ONE], "outputs": [{"name": "logits"}]}, "Output 'logits' is not known"),
        ({"inputs": [ONE], "outputs": [{"name": "mastery"}] * 2}, "asked for twice"),
        ({"inputs": [ONE], "parameters": {"binary_data_output": True}}, "binary"),
        ({"inputs": [{**ONE, "parameters": {"binary_data_size": 5}}]}, "binary"),
        ({"inputs": [{**ONE, "data": "i1"}]}, "data"),
        ({"inputs": [{**ONE, "data": [""]}]}, "name neither asked_item_id nor asked_skill_ids: 0."),
        ({"inputs": [{**ONE, "data": [7]}]}, "must be a string"),
        ({"inputs": [{**ONE, "shape": [-1]}]}, "shape"),
        ({"inputs": [{**ONE, "shape": []}]}, "must have 1 dimensions"),
        ({"inputs": [{**ONE, "shape": [1, 1]}]}, "must have 1 dimensions"),
        ({"inputs": [tensor("asked_item_id", "BYTES", ["i"] * 1_001)]}, "may have at most [1000]"),
        ({"inputs": [tensor("item_id", "BYTES", ["i"])]}, "no responses"),
        ({"inputs": [tensor("correct", "BOOL", [True])]}, "name neither item_id nor skill_ids"),
        ({"inputs": [tensor("item_id", "BYTES", ["i"]), tensor("correct", "BOOL", [1])]}, "true or false"),
        (
            {"inputs": [tensor("item_id", "BYTES", ["i"]), tensor("response", "INT32", [2**31])]},
            "must be an INT32",
        ),
        ({"inputs": [tensor("item_id", "BYTES", ["i"] * 10), tensor("correct", "BOOL", [1] * 10)]}, "5 more"),
        ({"inputs": [tensor("answered_at", "BYTES", ["yesterday"])]}, "ISO 8601"),
        ({"inputs": [tensor("asked_skill_ids", "BYTES", [["a"], ["b", "c"]], 2, 2)]}, "not nested"),
        ({"inputs": [tensor("asked_skill_ids", "BYTES", [["a", "b"], "c", "d"], 2, 2)]}, "not nested"),
        ({"inputs": [tensor("asked_skill_ids", "BYTES", ["a"] * 21, 1, 21)]}, "may have at most [1000, 20]"),
    ],
)
async def test_a_bad_request_is_400_and_says_why(
    client: httpx.AsyncClient, model: str, body: Body, said: str
) -> None:
    answer = await client.post(f"{model}/infer", json=body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert said in answer.json()["error"]


async def test_a_body_without_a_content_type_is_read_as_json(client: httpx.AsyncClient, model: str) -> None:
    """As Triton's own client sends it."""
    answer = await client.post(f"{model}/infer", content=orjson.dumps({"inputs": [ONE]}))
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


async def test_what_is_no_json_is_400(client: httpx.AsyncClient, model: str) -> None:
    for content in (b"", b"{", b"[NaN]", b'"\xff"'):
        answer = await client.post(
            f"{model}/infer", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        assert set(answer.json()) == {"error"}
