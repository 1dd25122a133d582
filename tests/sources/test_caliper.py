"""Caliper envelopes, by hand, after the examples of the specification (IMS Global, Caliper 1.1)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from knowtrace.domain import Interaction
from knowtrace.errors import DataError
from knowtrace.sources import read
from knowtrace.sources.caliper import NO_GRADE, REPEATED
from knowtrace.standards.caliper import NO_ATTEMPT, NO_EVENT, NO_SCORE
from knowtrace.standards.durations import NO_DURATION

Source = Callable[..., Path]

NO_TIME = "a time is ISO 8601, or seconds or milliseconds since 1970"
QUIZ = "https://school.example/assess/1"


def attempt(number: int, *, item: bool = True) -> dict[str, Any]:
    return {
        "id": f"{QUIZ}/items/{number}/attempts/1",
        "type": "Attempt",
        "assignee": "https://school.example/users/7",
        "assignable": f"{QUIZ}/items/{number}" if item else QUIZ,
        "count": 1,
        "startedAtTime": "2018-11-15T10:15:02.000Z",
        "endedAtTime": "2018-11-15T10:15:30.000Z",
    }


def completed(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"urn:uuid:item-{number}",
        "type": "AssessmentItemEvent",
        "actor": {"id": "https://school.example/users/7", "type": "Person"},
        "action": "Completed",
        "object": {"id": f"{QUIZ}/items/{number}", "type": "AssessmentItem"},
        "generated": {
            "id": f"{QUIZ}/items/{number}/responses/1",
            "type": "FillinBlankResponse",
            "attempt": attempt(number),
            "startedAtTime": "2018-11-15T10:15:02.000Z",
            "endedAtTime": "2018-11-15T10:15:12.500Z",
        },
        "eventTime": f"2018-11-15T10:15:{number:02}.000Z",
        "session": {"id": "https://school.example/sessions/1", "type": "Session"},
        **changes,
    }


def graded(number: int, given: float | None = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"urn:uuid:grade-{number}",
        "type": "GradeEvent",
        "actor": {"id": "https://school.example/autograder", "type": "SoftwareApplication"},
        "action": "Graded",
        "object": attempt(number),
        "eventTime": f"2018-11-15T10:57:{number:02}.000Z",
        "generated": {"id": f"score-{number}", "type": "Score", "maxScore": 1, "scoreGiven": given},
        **changes,
    }


def envelope(*events: object) -> str:
    return json.dumps(
        {
            "sensor": "https://school.example/sensors/1",
            "sendTime": "2018-11-15T11:05:01.000Z",
            "dataVersion": "http://purl.imsglobal.org/ctx/caliper/v1p1",
            "data": list(events),
        }
    )


@pytest.mark.parametrize("grade_first", [False, True])
def test_an_item_and_its_grade_are_one_answer(source: Source, *, grade_first: bool) -> None:
    events = [completed(3), graded(3)]
    dataset = read(source(envelope(*(reversed(events) if grade_first else events))))
    assert (dataset.format, dataset.num_categories) == ("Caliper events", 2)
    assert dataset.students == {
        "https://school.example/users/7": [
            Interaction(
                student_id="https://school.example/users/7",
                item_id=f"{QUIZ}/items/3",
                skill_ids=(),
                response=1,
                answered_at=datetime(2018, 11, 15, 10, 15, 3, tzinfo=UTC),
                elapsed_seconds=10.5,
                attempt=1,
                session_id="https://school.example/sessions/1",
            )
        ]
    }
    assert (dataset.num_merged, dataset.quarantined) == (1, ())


def test_a_grade_alone_tells_who_when_and_how_long_when_it_is_of_an_item(source: Source) -> None:
    alone = graded(
        5, 0, object={**attempt(5), "assignable": {"id": f"{QUIZ}/items/5", "type": "AssessmentItem"}}
    )
    [answer] = read(source(envelope(alone))).students["https://school.example/users/7"]
    assert (answer.item_id, answer.response) == (f"{QUIZ}/items/5", 0)
    assert answer.answered_at == datetime(2018, 11, 15, 10, 15, 30, tzinfo=UTC)
    assert answer.elapsed_seconds == 28.0


def test_grades_of_assessments_and_other_events_are_counted(source: Source) -> None:
    whole = graded(9, 4, object=attempt(9, item=False))
    started = completed(3) | {"id": "urn:uuid:started", "action": "Started"}
    dataset = read(source(envelope(started, completed(3), graded(3), whole)))
    assert (dataset.num_interactions, dataset.num_categories) == (1, 2)
    assert "2 events are about other things than answers to items." in dataset.notes


def test_the_last_grade_counts(source: Source) -> None:
    regraded = graded(3, 0, id="urn:uuid:again", eventTime="2018-11-16T08:00:00Z")
    for events in ([graded(3), regraded], [regraded, graded(3)]):
        dataset = read(source(envelope(completed(3), *events)))
        assert [a.response for a in dataset.students["https://school.example/users/7"]] == [0]
        assert dataset.num_merged == 2


def test_a_part_of_the_points_is_partial_credit(source: Source) -> None:
    half = graded(4, 1, generated={"maxScore": 2, "scoreGiven": 1})
    dataset = read(source(envelope(completed(3), graded(3), completed(4), half)))
    assert dataset.num_categories == 3
    assert [a.response for a in dataset.students["https://school.example/users/7"]] == [2, 1]


def test_envelopes_line_by_line_and_events_by_themselves_are_read(source: Source) -> None:
    one = read(source(envelope(completed(3), graded(3)))).students
    assert read(source(f"{envelope(completed(3))}\n{envelope(graded(3))}\n")).students == one
    assert read(source(json.dumps([completed(3), graded(3)]))).students == one


@pytest.mark.parametrize(
    ("event", "column", "value", "rule"),
    [
        (completed(4), "generated.attempt", f"{QUIZ}/items/4/attempts/1", NO_GRADE),
        (graded(3), "id", "urn:uuid:grade-3", REPEATED),
        ({"type": "GradeEvent"}, "", "type", NO_EVENT),
        (completed(4, generated={"type": "Response"}), "attempt", "", NO_ATTEMPT),
        (
            completed(4, eventTime="noon"),
            "eventTime",
            "noon",
            NO_TIME,
        ),
    ],
)
def test_a_bad_event_is_quarantined_with_its_reason(
    source: Source, event: dict[str, Any], column: str, value: str, rule: str
) -> None:
    path = source("\n".join([envelope(completed(3)), envelope(graded(3)), envelope(event)]))
    rows = read(path).quarantined
    assert [(r.line, r.column, r.value, r.rule) for r in rows] == [(3, column, value, rule)]


@pytest.mark.parametrize(
    ("item", "grade", "column", "value", "rule"),
    [
        ({}, {"generated": {"scoreGiven": 2, "maxScore": 1}}, "generated.scoreGiven", "2.0 of 1.0", NO_SCORE),
        ({}, {"generated": {"scoreGiven": 1}}, "generated.scoreGiven", "1.0 of None", NO_SCORE),
        ({}, {"generated": {"scoreGiven": 0, "maxScore": 0}}, "generated.scoreGiven", "0.0 of 0.0", NO_SCORE),
        (
            {"generated": {"duration": "long", "attempt": attempt(4)}},
            {},
            "duration",
            "long",
            NO_DURATION,
        ),
    ],
)
def test_an_answer_whose_parts_break_a_rule_is_quarantined(
    source: Source, item: dict[str, Any], grade: dict[str, Any], column: str, value: str, rule: str
) -> None:
    path = source(
        "\n".join([envelope(completed(3), graded(3)), envelope(completed(4, **item), graded(4, **grade))])
    )
    rows = read(path).quarantined
    assert [(r.line, r.column, r.value, r.rule) for r in rows] == [(2, column, value, rule)]


def test_an_envelope_cut_off_is_named(source: Source) -> None:
    with pytest.raises(
        DataError, match=r"answers.csv begins as JSON, but no value of it can be read \(line 1\)"
    ):
        read(source(envelope(completed(3))[:-20]))


def test_an_answer_that_ends_before_it_starts_stands_without_its_time(source: Source) -> None:
    skewed = {**completed(4)["generated"], "endedAtTime": "2018-11-15T10:00:00Z"}
    path = source(
        "\n".join([envelope(completed(3), graded(3)), envelope(completed(4, generated=skewed), graded(4))])
    )
    dataset = read(path)
    assert dataset.quarantined == ()
    [history] = dataset.students.values()
    assert [a.elapsed_seconds for a in history] == [10.5, None]
    assert "1 answers end before they start" in "".join(dataset.notes)
