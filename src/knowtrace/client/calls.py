"""Every operation as a request to send and a model to read its answer with: what both clients share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from knowtrace.client import answers
from knowtrace.client.events import Attempt, Event

T = TypeVar("T", bound=answers.Answer)

MOST_EVENTS = 1_000


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request. Every one may be sent again: reading changes nothing, and what is stored has an id of its own."""

    method: str
    path: str
    answer: type[T]
    params: dict[str, str]
    body: Any = None


def send_event(event: Event) -> Call[answers.SingleEventResult]:
    return _post("/api/v1/events", answers.SingleEventResult, event.body())


def send_events(events: Iterable[Event]) -> Call[answers.EventsResult]:
    """Send up to 1,000.

    Raises:
        ValueError: there are none, or more.
    """
    bodies = [event.body() for event in events]
    if not 1 <= len(bodies) <= MOST_EVENTS:
        raise ValueError(f"{len(bodies)} events in one call, from 1 to {MOST_EVENTS} may be.")
    return _post("/api/v1/events", answers.EventsResult, {"events": bodies})


def correct_event(event: Event) -> Call[answers.Revision]:
    path = f"/api/v1/events/{_segment(event.event_id)}"
    return Call(method="PUT", path=path, answer=answers.Revision, params={}, body=event.correction())


def withdraw_event(event_id: str) -> Call[answers.Revision]:
    path = f"/api/v1/events/{_segment(event_id)}"
    return Call(method="DELETE", path=path, answer=answers.Revision, params={})


def mastery(student_id: str, *, skill: str | None, every_skill: bool) -> Call[answers.StudentMastery]:
    params = _params(skill=skill, all="true" if every_skill else None)
    return _get(f"/api/v1/mastery/{_segment(student_id)}", answers.StudentMastery, params)


def predict(
    student_id: str, item_ids: Sequence[str], *, history: Sequence[Attempt], model_version: str | None
) -> Call[answers.Prediction]:
    """Ask for predictions.

    Raises:
        ValueError: `item_ids` is one text, whose letters would be taken for ids.
    """
    if isinstance(item_ids, str):
        raise ValueError(f"item_ids ({item_ids!r}) is one text: give a list of ids.")  # noqa: TRY004 - as its value is wrong
    body: dict[str, Any] = {"student_id": student_id, "candidate_items": list(item_ids)}
    if history:
        body["attempt_history"] = [attempt.body() for attempt in history]
    if model_version is not None:
        body["model_version"] = model_version
    return _post("/api/v1/predict", answers.Prediction, body)


def recommend(
    student_id: str, skill: str, *, max_items: int, time_window: str | None
) -> Call[answers.Recommendations]:
    body: dict[str, Any] = {"student_id": student_id, "skill": skill, "max_items": max_items}
    if time_window is not None:
        body["time_window"] = time_window
    return _post("/api/v1/recommendations", answers.Recommendations, body)


def students(*, limit: int | None, cursor: str | None) -> Call[answers.StudentsPage]:
    params = _params(limit=None if limit is None else str(limit), cursor=cursor)
    return _get("/api/v1/students", answers.StudentsPage, params)


def health() -> Call[answers.Health]:
    return _get("/api/v1/health/ready", answers.Health, {})


def _get(path: str, answer: type[T], params: dict[str, str]) -> Call[T]:
    return Call(method="GET", path=path, answer=answer, params=params)


def _post(path: str, answer: type[T], body: Any) -> Call[T]:
    return Call(method="POST", path=path, answer=answer, params={}, body=body)


def _params(**params: str | None) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}


def _segment(name: str) -> str:
    """Return an id as one part of a path, whatever it holds.

    Raises:
        ValueError: it is empty, and the path would name something else.
    """
    if not name:
        raise ValueError("An id is empty: every student and event has one.")
    quoted = quote(name, safe="")
    # A part of dots alone means the folder itself or the one above it, and would be taken out on the way.
    return quoted.replace(".", "%2E") if set(name) == {"."} else quoted
