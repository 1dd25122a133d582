"""GET /ping and POST /invocations"""

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from knowtrace.service.classroom import Classroom
from knowtrace.service.sagemaker.schemas import Row
from knowtrace.service.sagemaker.service import as_called
from service.histories import Body

URL = "/invocations"


def steps(number: int, **step: Any) -> list[Body]:
    return [step] * number


@pytest.fixture
def skills(classroom: Classroom) -> list[str]:
    return list(classroom.tracer.vocabulary.skill_ids)


@pytest.fixture
def items(classroom: Classroom) -> list[str]:
    return [item.item_id for item in classroom.tracer.vocabulary.items]


class TestPing:
    async def test_a_model_that_answers_is_an_empty_200(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/ping")
        assert (answer.status_code, answer.content) == (200, b"")

    @pytest.mark.parametrize("given", [np.array([np.nan]), np.array([1.5]), np.array([-0.1])])
    async def test_a_model_without_a_probability_is_503(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, classroom: Classroom, given: Any
    ) -> None:
        monkeypatch.setattr(type(classroom.tracer), "expected_success", lambda *_: given)
        answer = await client.get("/ping")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"

    async def test_a_model_that_fails_is_503_and_one_that_recovers_200(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, classroom: Classroom
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("secret of anna")

        monkeypatch.setattr(type(classroom.tracer), "expected_success", fail)
        answer = await client.get("/ping")
        assert answer.status_code == 503
        assert "secret" not in answer.text
        monkeypatch.undo()
        assert (await client.get("/ping")).status_code == 200

    async def test_a_model_that_hangs_is_503_within_two_seconds_and_holds_one_thread(
        self, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, classroom: Classroom
    ) -> None:
        is_over = threading.Event()
        monkeypatch.setattr(type(classroom.tracer), "expected_success", lambda *_: is_over.wait(20))
        try:
            started = time.monotonic()
            answers = [await client.get("/ping") for _ in range(2)]
            assert time.monotonic() - started < 2 * 2
            assert [answer.status_code for answer in answers] == [503, 503]
            assert sum(thread.name == "pulse" for thread in threading.enumerate()) == 1
        finally:
            is_over.set()


class TestTheGuidesForm:
    async def test_every_skill_has_a_mastery_and_the_weakest_is_recommended(
        self, client: httpx.AsyncClient, skills: list[str]
    ) -> None:
        sequence = steps(12, skill_id=skills[1], correct=0) + steps(12, skill_id=skills[0], correct=1)
        body = (await client.post(URL, json={"user_sequence": sequence})).json()
        assert set(body["mastery"]) == set(skills)
        assert body["next_skill_recommendation"] == min(skills, key=lambda skill: body["mastery"][skill])
        assert body["mastery"][skills[0]] > body["mastery"][skills[1]]
        assert body["num_answers"] == 24
        assert body["degraded"] is False

    async def test_predicted_accuracy_is_the_expected_success_on_the_next_item(
        self, client: httpx.AsyncClient, classroom: Classroom, skills: list[str]
    ) -> None:
        sequence = steps(3, skill_id=skills[0], correct=1)
        body = (await client.post(URL, json={"user_sequence": sequence})).json()
        item = classroom.tracer.vocabulary.item(body["next_item"])
        assert item is not None
        assert body["next_skill_recommendation"] in item.skill_ids
        asked = {"user_sequence": sequence, "items": [body["next_item"]]}
        assert (await client.post(URL, json=asked)).json()["predictions"] == [body["predicted_accuracy"]]

    async def test_an_answer_named_by_its_skill_is_one_to_an_unseen_item(
        self, client: httpx.AsyncClient, skills: list[str]
    ) -> None:
        by_skill = {
            "user_sequence": steps(5, skill_id=skills[0], correct=1),
            "items": [{"skill_id": skills[0]}],
        }
        by_item = {
            "user_sequence": steps(5, item_id="never-seen", skill_id=skills[0], correct=True),
            "items": [{"item_id": "never-seen", "skill_ids": [skills[0]]}],
        }
        one, other = [(await client.post(URL, json=body)).json() for body in (by_skill, by_item)]
        assert one["predictions"] == other["predictions"]
        assert one["mastery"] == other["mastery"]
        assert "1 of the items named were not in the training data" in other["notes"][0]
        assert one["notes"] == []

    async def test_an_item_answered_well_lately_is_not_the_next_one(
        self, client: httpx.AsyncClient, classroom: Classroom, items: list[str]
    ) -> None:
        every = [{"item_id": item, "correct": True, "answered_at": "2026-03-01T10:00:00Z"} for item in items]
        last = {"item_id": items[0], "correct": False, "answered_at": "2026-05-01T10:00:00Z"}
        lately = (await client.post(URL, json={"user_sequence": every})).json()
        assert (lately["next_skill_recommendation"], lately["next_item"]) == (None, None)
        assert lately["predicted_accuracy"] is None
        long_ago = (await client.post(URL, json={"user_sequence": [*every, last]})).json()
        assert long_ago["next_item"] in items

    async def test_times_order_the_steps_and_without_them_their_places_do(
        self, client: httpx.AsyncClient, items: list[str]
    ) -> None:
        def sequence(*, timed: bool) -> list[Body]:
            times = [{"answered_at": f"2026-03-01T10:0{n}:00Z"} if timed else {} for n in range(6)]
            return [{"item_id": items[n], "correct": n < 3, **time} for n, time in enumerate(times)]

        async def mastery(sequence: list[Body]) -> Body:
            return (await client.post(URL, json={"user_sequence": sequence})).json()["mastery"]

        assert await mastery(sequence(timed=True)) == await mastery(sequence(timed=True)[::-1])
        assert await mastery(sequence(timed=False)) != await mastery(sequence(timed=False)[::-1])

    async def test_no_history_is_a_student_of_whom_nothing_is_known(
        self, client: httpx.AsyncClient, skills: list[str]
    ) -> None:
        body = (await client.post(URL, json={"user_sequence": []})).json()
        stored = (await client.get("/api/v1/mastery/nobody")).json()
        assert body["mastery"] == {skill["skill_id"]: skill["mastery"] for skill in stored["skills"]}
        assert body["num_answers"] == 0

    async def test_a_skill_the_model_does_not_know_is_said(self, client: httpx.AsyncClient) -> None:
        body = (await client.post(URL, json={"user_sequence": [{"skill_id": 42, "correct": 1}]})).json()
        assert body["notes"] == [
            "1 of the skills named are not known to the model: it has no mastery of them."
        ]

    async def test_steps_that_break_a_rule_are_400_all_of_them(self, client: httpx.AsyncClient) -> None:
        sequence = [
            {"skill_id": "a"},
            {"skill_id": "a", "response": 7},
            {"skill_id": "a", "correct": 1, "answered_at": "2026-03-01T10:00:00Z"},
        ]
        answer = await client.post(URL, json={"user_sequence": sequence})
        assert answer.status_code == 400
        detail = answer.json()["detail"]
        assert "user_sequence[0]: Neither correct nor response" in detail
        assert "user_sequence[1]: response (7)" in detail
        assert "1 of 3 answers have a time" in detail

    @pytest.mark.parametrize(
        ("called", "known", "expected"),
        [(42, "15", 15), (42, "s15", "s15"), (42, "015", "015"), ("42", "15", "15"), (42, None, None)],
    )
    def test_a_skill_is_called_as_the_caller_calls_skills(
        self, called: str | int, known: str | None, expected: str | int | None
    ) -> None:
        row = Row.model_validate({"user_sequence": [{"skill_id": called, "correct": 1}]})
        assert as_called(known, row) == expected


class TestTables:
    async def test_a_rule_broken_in_two_rows_is_named_for_both(self, client: httpx.AsyncClient) -> None:
        rows = [{"user_sequence": [{"skill_id": "a"}]}] * 2
        answer = await client.post(URL, json={"instances": rows})
        assert answer.status_code == 400
        assert "row 0: user_sequence[0]" in answer.json()["detail"]
        assert "row 1: user_sequence[0]" in answer.json()["detail"]

    async def test_items_may_be_left_out_of_a_table(
        self, client: httpx.AsyncClient, skills: list[str]
    ) -> None:
        table = {"columns": ["user_sequence"], "data": [[steps(2, skill_id=skills[0], correct=1)]]}
        body = (await client.post(URL, json={"dataframe_split": table})).json()
        assert body["predictions"][0]["predictions"] == []
        assert body["predictions"][0]["num_answers"] == 2

    async def test_more_steps_than_one_call_may_carry_are_413(self, client: httpx.AsyncClient) -> None:
        rows = [{"user_sequence": steps(2_001, skill_id="a", correct=1)}] * 5
        answer = await client.post(URL, json={"instances": rows})
        assert answer.status_code == 413
        assert "10005 steps" in answer.json()["detail"]

    async def test_every_problem_of_a_table_is_named_where_it_stands(self, client: httpx.AsyncClient) -> None:
        rows = [{"user_sequence": [{"correct": "yes"}], "items": [""]}, {"sequence": []}]
        for name in ("instances", "dataframe_records", "inputs"):
            answer = await client.post(URL, json={name: rows})
            assert answer.status_code == 422
            rows_named = {error["loc"][3] for error in answer.json()["errors"]}
            assert rows_named == {0, 1}, name


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"user_sequence": "s1"},
        {"user_sequence": [{}]},
        {"user_sequence": [{"correct": 1}]},
        {"user_sequence": [{"skill_id": "a", "correct": 2}]},
        {"user_sequence": [{"skill_id": "a", "correct": "1"}]},
        {"user_sequence": [{"skill_id": 1.5, "correct": 1}]},
        {"user_sequence": [{"skill_id": True, "correct": 1}]},
        {"user_sequence": [{"skill_id": "a", "skill_ids": ["a"], "correct": 1}]},
        {"user_sequence": [{"skill_id": "a", "correct": 1, "answered_at": 7}]},
        {"user_sequence": [{"skill_id": "a", "correct": 1, "surprise": 1}]},
        {"user_sequence": [{"skill_id": "a", "correct": 1, "elapsed_seconds": -1}]},
        {"user_sequence": [], "items": ["i"] * 1_001},
        {"user_sequence": [], "instances": [{"user_sequence": []}]},
        {"instances": []},
        {"instances": [{"user_sequence": []}], "inputs": []},
        {"instances": [{"user_sequence": []}] * 101},
        {"dataframe_split": []},
        {"dataframe_split": {"columns": ["user_sequence"], "data": []}},
        {"dataframe_split": {"columns": ["user_sequence"], "data": [[[], []]]}},
        {"dataframe_split": {"columns": ["user_sequence", "user_sequence"], "data": [[[], []]]}},
        {"dataframe_split": {"columns": "user_sequence", "data": [[[]]]}},
        {"dataframe_split": {"columns": ["user_sequence"], "data": [[[]]], "more": 1}},
        {"dataframe_split": {"columns": ["user_sequence", "who"], "data": [[[], "anna"]]}},
        {"inputs": {}},
        {"inputs": {"user_sequence": [[]], "items": []}},
        {"inputs": {"user_sequence": 1}},
    ],
)
async def test_a_malformed_invocation_is_422(client: httpx.AsyncClient, body: Any) -> None:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_a_sequence_that_is_too_long_is_422(
    client: httpx.AsyncClient, event: Callable[..., Body]
) -> None:
    answer = await client.post(URL, json={"user_sequence": steps(10_001, skill_id="a", correct=1)})
    assert answer.status_code == 422
