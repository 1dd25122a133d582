"""What every lesson asks for: the methods that both clients have, once."""

from collections.abc import Iterable, Sequence
from typing import Any

from knowtrace.client import answers
from knowtrace.client.call import Call, delete, get, post, put, segment
from knowtrace.client.events import Attempt, Event, Question

MOST_EVENTS = 1_000


def send_event(event: Event) -> Call[answers.SingleEventResult]:
    return post("/api/v1/events", answers.SingleEventResult, event.body())


def send_events(events: Iterable[Event]) -> Call[answers.EventsResult]:
    """Send up to 1,000.

    Raises:
        ValueError: there are none, or more.
    """
    bodies = [event.body() for event in events]
    if not 1 <= len(bodies) <= MOST_EVENTS:
        raise ValueError(f"{len(bodies)} events in one call, from 1 to {MOST_EVENTS} may be.")
    return post("/api/v1/events", answers.EventsResult, {"events": bodies})


def correct_event(event: Event) -> Call[answers.Revision]:
    return put(f"/api/v1/events/{segment(event.event_id)}", answers.Revision, event.correction())


def withdraw_event(event_id: str) -> Call[answers.Revision]:
    return delete(f"/api/v1/events/{segment(event_id)}", answers.Revision)


def mastery(student_id: str, *, skill: str | None, every_skill: bool) -> Call[answers.StudentMastery]:
    path = f"/api/v1/mastery/{segment(student_id)}"
    return get(path, answers.StudentMastery, skill=skill, all="true" if every_skill else None)


def predict(
    student_id: str, item_ids: Sequence[str], *, history: Sequence[Attempt], model_version: str | None
) -> Call[answers.Prediction]:
    """Ask for predictions.

    Raises:
        ValueError: `item_ids` is one text, whose letters would be taken for ids.
    """
    question = Question(
        student_id=student_id, item_ids=item_ids, history=history, model_version=model_version
    )
    return post("/api/v1/predict", answers.Prediction, question.body())


def recommend(
    student_id: str, skill: str, *, max_items: int, time_window: str | None
) -> Call[answers.Recommendations]:
    body: dict[str, Any] = {"student_id": student_id, "skill": skill, "max_items": max_items}
    if time_window is not None:
        body["time_window"] = time_window
    return post("/api/v1/recommendations", answers.Recommendations, body)


def students(*, limit: int | None, cursor: str | None) -> Call[answers.StudentsPage]:
    return get("/api/v1/students", answers.StudentsPage, limit=limit, cursor=cursor)


def health() -> Call[answers.Health]:
    return get("/api/v1/health/ready", answers.Health)
