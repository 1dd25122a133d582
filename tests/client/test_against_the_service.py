"""Both clients against the real service: what is sent arrives, what is answered is read whole."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from knowtrace.client import (
    Attempt,
    BadRequestError,
    ConflictError,
    Event,
    MalformedError,
    NotFoundError,
    SkillMastery,
)
from knowtrace.registry import Run

Connect = Callable[..., Any]
MORNING = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def client(connect: Connect, service: str) -> Any:
    return connect(service)


@pytest.fixture
def student() -> str:
    return f"anna/{uuid.uuid4()}"


@pytest.fixture
def item_ids(opened_run: Run) -> list[str]:
    return [item.item_id for item in opened_run.vocabulary.items]


@pytest.fixture
def event(student: str, item_ids: list[str]) -> Callable[..., Event]:
    def make(number: int = 0, **changes: Any) -> Event:
        fields = {"student_id": student, "item_id": item_ids[number], "correct": True}
        return Event(**{**fields, "answered_at": MORNING + timedelta(minutes=number), **changes})

    return make


def test_a_morning_of_one_student(
    client: Any, student: str, item_ids: list[str], event: Callable[..., Event]
) -> None:
    first = client.send_event(event(0, elapsed_seconds=12.5, hints_used=0, attempt=1, session_id="s"))
    assert (first.status, first.degraded) == ("accepted", False)
    assert isinstance(first.mastery[0], SkillMastery)
    sent = client.send_events([event(number, correct=number % 2 == 0) for number in range(1, 6)])
    assert (sent.num_accepted, sent.num_duplicate, sent.num_rejected) == (5, 0, 0)

    known = client.mastery(student)
    assert known.num_answers == 6
    assert known.last_answered_at == MORNING + timedelta(minutes=5)
    [one] = client.mastery(student, skill=known.skills[0].skill_id).skills
    assert one == known.skills[0]
    every = client.mastery(student, every_skill=True).skills
    assert len(every) >= len(known.skills)

    advice = client.recommend(student, one.skill_id, max_items=2, time_window="7d")
    assert advice.skill == one.skill_id
    assert len(advice.recommendations) <= 2
    assert advice.model_version == known.model_version
    stored = client.predict(student, item_ids[:3])
    assert set(stored.predictions) == set(item_ids[:3])
    assert client.health().status == "ready"


def test_a_history_that_is_sent_predicts_what_the_stored_one_does(
    client: Any, student: str, item_ids: list[str], event: Callable[..., Event]
) -> None:
    events = [event(number, correct=number % 2 == 0, elapsed_seconds=3.0) for number in range(5)]
    client.send_events(events)
    history = [
        Attempt(
            item_id=past.item_id,
            answered_at=past.answered_at,
            correct=past.correct,
            elapsed_seconds=past.elapsed_seconds,
        )
        for past in events
    ]
    stored = client.predict(student, item_ids)
    sent = client.predict("nobody", item_ids, history=history, model_version=stored.model_version)
    assert sent.predictions == stored.predictions


def test_an_event_sent_again_is_the_same_event(client: Any, event: Callable[..., Event]) -> None:
    one = event(0)
    assert [client.send_event(one).status for _ in range(3)] == ["accepted", "duplicate", "duplicate"]


def test_a_correction_and_a_withdrawal_are_as_if_it_had_been_sent_so(
    client: Any, student: str, event: Callable[..., Event]
) -> None:
    wrong = event(0, event_id=f"e/{uuid.uuid4()}", correct=False)
    client.send_event(wrong)
    right = event(0, event_id=wrong.event_id, correct=True)
    revised = client.correct_event(right)
    assert (revised.status, revised.revision) == ("corrected", 1)
    assert client.correct_event(right).status == "unchanged"
    assert client.mastery(student).skills == revised.mastery
    assert client.withdraw_event(wrong.event_id).status == "withdrawn"
    assert client.withdraw_event(wrong.event_id).status == "unchanged"
    assert client.mastery(student).num_answers == 0


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a b", "%2F", "ä?#&", "…"])
def test_a_student_may_be_called_anything(client: Any, event: Callable[..., Event], name: str) -> None:
    client.send_event(event(0, student_id=name))
    known = client.mastery(name)
    assert known.student_id == name
    assert known.num_answers >= 1


def test_students_are_read_page_by_page(client: Any, event: Callable[..., Event]) -> None:
    for name in ("p1", "p2", "p3"):
        client.send_event(event(0, student_id=name))
    found: list[str] = []
    cursor = None
    while True:
        page = client.students(limit=2, cursor=cursor)
        found += [summary.student_id for summary in page.students]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert {"p1", "p2", "p3"} <= set(found)
    assert len(found) == len(set(found))


def test_what_the_service_refuses_is_an_error_of_its_kind(client: Any, event: Callable[..., Event]) -> None:
    one = event(0)
    client.send_event(one)
    with pytest.raises(ConflictError) as conflict:
        client.send_event(event(0, event_id=one.event_id, correct=False))
    assert (conflict.value.status, conflict.value.title) == (409, "Conflict")
    assert one.event_id in conflict.value.detail
    assert conflict.value.request_id
    with pytest.raises(BadRequestError, match="response"):
        client.send_event(event(0, correct=None, response=9))
    with pytest.raises(NotFoundError, match="alchemy"):
        client.mastery("anna", skill="alchemy")
    with pytest.raises(NotFoundError):
        client.withdraw_event("no-such-event")
    with pytest.raises(MalformedError) as malformed:
        client.send_event(event(0, item_id="", hints_used=-1))
    assert {error.loc[-1] for error in malformed.value.errors} == {"item_id", "hints_used"}
    assert "hints_used: " in str(malformed.value)
