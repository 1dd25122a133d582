"""xAPI statements, by hand."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import json_values, read
from knowtrace.sources.json_values import NO_JSON, TOO_LARGE
from knowtrace.sources.xapi import NO_STATEMENT, REPEATED
from knowtrace.standards.cells import NO_ITEM, NO_STUDENT
from knowtrace.standards.durations import NO_DURATION
from knowtrace.standards.xapi import NO_CREDIT, NO_RESULT, ONE_STUDENT

Source = Callable[..., Path]

ADL = "http://adlnet.gov/expapi"
ANN = {"account": {"homePage": "https://school.example/", "name": "ann"}}


def statement(number: int, **changes: Any) -> dict[str, Any]:
    """Return an answer to item `number`, right, at 9 o'clock and as many minutes."""
    return {
        "id": f"0000000{number}-0000-4000-8000-000000000000",
        "actor": ANN,
        "verb": {"id": f"{ADL}/verbs/answered"},
        "object": {"id": f"https://school.example/item/{number}"},
        "result": {"success": True},
        "timestamp": f"2024-05-17T11:{number:02}:00+02:00",
        **changes,
    }


def lines(*statements: object) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in statements)


def test_a_statement_by_hand(source: Source) -> None:
    objective = {
        "id": "https://school.example/skill/ratios",
        "definition": {"type": f"{ADL}/activities/objective", "name": {"en": "Ratios"}},
    }
    course = {"id": "https://school.example/course", "definition": {"type": f"{ADL}/activities/course"}}
    full = statement(
        1,
        result={"success": False, "duration": "PT1M2.5S", "score": {"scaled": 0.5}},
        context={
            "registration": "r1",
            "contextActivities": {"parent": course, "category": [objective, objective], "other": []},
        },
    )
    dataset = read(source(lines(full)))
    assert (dataset.format, dataset.num_categories) == ("xAPI statements", 2)
    assert dataset.students == {
        "https://school.example/ann": [
            Interaction(
                student_id="https://school.example/ann",
                item_id="https://school.example/item/1",
                skill_ids=("https://school.example/skill/ratios",),
                response=0,
                answered_at=datetime(2024, 5, 17, 9, 1, tzinfo=UTC),
                elapsed_seconds=62.5,
                session_id="r1",
            )
        ]
    }
    assert dataset.skill_names == {"https://school.example/skill/ratios": "Ratios"}


def test_an_array_lines_and_an_lrs_answer_are_the_same(source: Source) -> None:
    both = [statement(2), statement(1)]
    expected = read(source(lines(*both))).students
    assert [a.item_id[-1] for a in expected["https://school.example/ann"]] == ["1", "2"]
    assert read(source(json.dumps(both))).students == expected
    assert read(source(json.dumps({"statements": both, "more": ""}, indent=2))).students == expected


def test_voided_statements_are_removed_wherever_they_stand(source: Source) -> None:
    voiding = statement(
        9,
        verb={"id": f"{ADL}/verbs/voided"},
        object={"objectType": "StatementRef", "id": statement(2)["id"].upper()},
    )
    unvoiding = voiding | {"id": "x", "object": {"objectType": "StatementRef", "id": voiding["id"]}}
    for order in ([voiding, statement(2)], [statement(2), voiding]):
        dataset = read(source(lines(statement(1), *order, unvoiding)))
        assert [a.item_id[-1] for a in dataset.students["https://school.example/ann"]] == ["1"]
        assert list(dataset.notes) == [
            "2 statements are no answers.",
            "1 answers were voided by later statements: removed.",
        ]


def test_a_repeated_id_is_quarantined_and_statements_without_one_are_not(source: Source) -> None:
    nameless = {key: value for key, value in statement(2).items() if key != "id"}
    dataset = read(source(lines(statement(1), nameless, statement(1), nameless)))
    assert dataset.num_interactions == 3
    assert [(r.line, r.column, r.rule) for r in dataset.quarantined] == [(3, "id", REPEATED)]


@pytest.mark.parametrize(
    ("actor", "student"),
    [
        ({"mbox": "mailto:ann@school.example"}, hashlib.sha1(b"mailto:ann@school.example").hexdigest()),
        ({"mbox_sha1sum": "ABCDEF"}, "abcdef"),
        ({"openid": "https://ann.example"}, "https://ann.example"),
        ({"account": {"homePage": "https://other.example", "name": "ann"}}, "https://other.example/ann"),
    ],
)
def test_a_student_is_known_by_any_identifier_and_no_address_is_kept(
    source: Source, actor: dict[str, Any], student: str
) -> None:
    dataset = read(source(lines(statement(1, actor={**actor, "name": "Ann Smith"}))))
    assert list(dataset.students) == [student]
    assert "Smith" not in repr(dataset)
    assert "ann@" not in repr(dataset)


def test_other_verbs_count_only_about_questions(source: Source) -> None:
    verb = {"id": "https://w3id.org/xapi/acrossx/verbs/evaluated"}
    question = {"id": "q", "definition": {"type": f"{ADL}/activities/cmi.interaction"}}
    dataset = read(
        source(
            lines(
                statement(1, verb=verb, object=question),
                statement(2, verb=verb),
                statement(3, verb={"id": f"{ADL}/verbs/attempted"}, object=question),
                statement(4, object={"objectType": "Agent", "mbox": "mailto:bob@school.example"}),
            )
        )
    )
    assert [a.item_id for a in dataset.students["https://school.example/ann"]] == ["q"]
    assert dataset.notes == ("3 statements are no answers.",)


def test_scores_are_credits_where_success_is_not_said_or_credit_is_asked_for(source: Source) -> None:
    results = [
        {"success": True, "score": {"scaled": 0.5}},
        {"score": {"scaled": 1}},
        {"score": {"raw": 3, "min": 1, "max": 5}},
        {"score": {"raw": 0, "max": 5}},
    ]
    path = source(lines(*(statement(i, result=result) for i, result in enumerate(results))))
    dataset = read(path, responses="partial-credit")
    assert dataset.num_categories == 3
    assert [a.response for a in dataset.students["https://school.example/ann"]] == [1, 2, 1, 0]
    assert [a.response for a in read(path).students["https://school.example/ann"]] == [2, 2, 1, 0]


@pytest.mark.parametrize(
    ("changes", "column", "value", "rule"),
    [
        ({"actor": {"name": "Ann"}}, "actor", "", NO_STUDENT),
        ({"actor": {**ANN, "objectType": "Group"}}, "actor.objectType", "Group", ONE_STUDENT),
        ({"object": {"id": 7}}, "object.id", "", NO_ITEM),
        ({"result": {"completion": True}}, "result", "completion", NO_RESULT),
        ({"result": None}, "result", "null", NO_RESULT),
        ({"result": {"success": "yes"}}, "result", "success", NO_RESULT),
        ({"result": {"score": {"scaled": -0.5}}}, "result.score.scaled", "-0.5", NO_CREDIT),
        ({"result": {"score": {"raw": 7, "max": 5}}}, "result.score.raw", "1.4", NO_CREDIT),
        ({"result": {"score": {"raw": 7}}}, "result", "score", NO_RESULT),
        ({"result": {"success": True, "duration": "P1M"}}, "result.duration", "P1M", NO_DURATION),
        ({"timestamp": None}, "stored", "", "a time is ISO 8601, or seconds or milliseconds since 1970"),
        ({"verb": None}, "", "id, actor, verb, object, result, timestamp", NO_STATEMENT),
    ],
)
def test_a_bad_statement_is_quarantined_with_its_reason(
    source: Source, changes: dict[str, Any], column: str, value: str, rule: str
) -> None:
    path = source(lines(statement(1), statement(2, **changes)))
    [row] = read(path).quarantined
    assert (row.line, row.column, row.value, row.rule) == (2, column, value, rule)


def test_a_broken_line_and_a_foreign_value_cost_themselves_only(source: Source) -> None:
    dataset = read(source('{"broken": \n' + lines(statement(1), ["no", "statement"], statement(2))))
    assert dataset.num_interactions == 2
    assert [(r.line, r.rule) for r in dataset.quarantined] == [(1, NO_JSON), (3, NO_STATEMENT)]


def test_stored_stands_in_for_a_missing_timestamp_and_a_day_is_too_long(source: Source) -> None:
    late = statement(
        1, timestamp=None, stored="2024-05-17T09:05:00Z", result={"success": True, "duration": "P2D"}
    )
    dataset = read(source(lines(late)))
    [answer] = dataset.students["https://school.example/ann"]
    assert (answer.answered_at, answer.elapsed_seconds) == (datetime(2024, 5, 17, 9, 5, tzinfo=UTC), None)
    assert dataset.notes == ("1 elapsed times exceed a day: kept as unknown.",)


def test_a_file_of_other_statements_holds_no_answers(source: Source) -> None:
    with pytest.raises(DataError, match="holds no answers"):
        read(source(lines(statement(1, verb={"id": f"{ADL}/verbs/launched"}))))


def test_one_statement_over_the_limit_is_said_so(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit of 2,000 characters: a line costs itself, an array or a value over several lines all."""
    monkeypatch.setattr(json_values, "CHUNK", 500)
    monkeypatch.setattr(json_values, "MAX_VALUE", 2_000)
    large = statement(2, context={"extensions": {"x": "y" * 5_000}})
    dataset = read(source(lines(statement(1), large, statement(3))))
    assert [a.item_id[-1] for a in dataset.students["https://school.example/ann"]] == ["1", "3"]
    assert [(r.line, r.rule) for r in dataset.quarantined] == [(2, TOO_LARGE)]
    listed = {"statements": [statement(n) for n in range(9)]}
    for text in (json.dumps([statement(1), large]), json.dumps(listed, indent=2)):
        with pytest.raises(
            DataError, match=r"from line 1 on, a value that does not end in time: a JSON value holds at most"
        ):
            read(source(text))
