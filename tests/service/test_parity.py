"""One model, three contracts, seven forms: the same history and items give the same numbers, to the last bit."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from knowtrace.domain import Interaction
from knowtrace.service.classroom import Classroom
from knowtrace.tracing import StudentState, Tracer
from service.histories import Body, as_prediction, as_row, as_tables, as_tensors, histories


async def answered(client: httpx.AsyncClient, path: str, body: Body) -> Body:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],  # making a failure smaller takes minutes of requests
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_every_contract_gives_the_same_numbers(
    client: httpx.AsyncClient, classroom: Classroom, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    """The replayed histories are compared too: this model reads no times, and would not miss them."""
    tracer = classroom.tracer
    items = [item.item_id for item in tracer.vocabulary.items]
    history = data.draw(histories(items, list(tracer.vocabulary.skill_ids)))
    asked = data.draw(st.lists(st.sampled_from([*items, "never-seen"]), min_size=1, max_size=10, unique=True))

    replayed: list[list[Interaction]] = []
    replay = Tracer.replay

    def recorded(self: Tracer, interactions: Iterable[Interaction]) -> StudentState:
        replayed.append([replace(past, student_id="") for past in interactions])
        return replay(self, interactions)

    monkeypatch.setattr(Tracer, "replay", recorded)
    predicted = await answered(client, "/api/v1/predict", as_prediction(history, asked))
    expected = [predicted["predictions"][item_id] for item_id in asked]
    guide = await answered(client, "/invocations", as_row(history, asked))
    assert guide["predictions"] == expected
    assert {skill: guide["mastery"][skill] for skill in predicted["topic_mastery"]} == predicted[
        "topic_mastery"
    ]

    version = f"/v2/models/{tracer.name}/versions/{tracer.version}/infer"
    for path in (f"/v2/models/{tracer.name}/infer", version):
        outputs = outputs_of(await answered(client, path, as_tensors(history, asked)))
        assert outputs["expected_success"] == expected
        assert outputs["probabilities"][1::2] == expected, "of two categories the second is full credit"
        assert dict(zip(outputs["mastery_skill_id"], outputs["mastery"], strict=True)) == guide["mastery"]

    rows = [as_row(history, asked), as_row(history[:1], asked[:1])]
    for form, table in as_tables(rows).items():
        body = await answered(client, "/invocations", table)
        whole, first = body["predictions"]
        named = {name: guide[name] for name in whole}
        assert whole == named, form
        assert first["num_answers"] == 1, form
        assert body["model_version"] == guide["model_version"] == predicted["model_version"]
        assert len(replayed.pop()) == 1, form
    monkeypatch.undo()
    assert len(replayed) == 9
    assert all(one == replayed[0] for one in replayed)


def outputs_of(answer: Body) -> dict[str, list[Any]]:
    return {output["name"]: output["data"] for output in answer["outputs"]}
