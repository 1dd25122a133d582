"""Which Caliper events, of versions 1.1 and 1.2, are about answers, and what they say.

- An answer is an attempt at an item. An `AssessmentItemEvent` of the action Completed says who, which item, when
  and how long; a `GradeEvent` says how good, by the attempt's id. Either may come first.
- The response is `scoreGiven` of `maxScore`.
- The time is the item event's, or else the end of the attempt, or else the grade's. The elapsed time is the
  response's, or else the attempt's, `duration` or time from start to end.
- The session is the event's `session`, the attempt its `count`.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

from knowtrace.standards.cells import NO_ITEM, NO_STUDENT, BadCellError, parse_time
from knowtrace.standards.durations import duration_seconds
from knowtrace.standards.json_parts import list_at, number_at, part, text_at

ITEM = "AssessmentItem"
KEPT = frozenset(
    {
        *("id", "type", "action", "actor", "object", "generated", "session", "eventTime"),
        *("attempt", "assignee", "assignable", "count", "duration", "startedAtTime", "endedAtTime"),
        *("scoreGiven", "maxScore"),
    }
)
"""The parts of an event that say something about an answer."""

NO_EVENT = "an event has a type, an actor, an action and an object"
NO_ATTEMPT = "an event about an answer names the attempt"
NO_SCORE = "a grade has scoreGiven from 0 to its maxScore, which is positive"

Half = Literal["completed", "graded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAttempt:
    """What a grade and, where there is one, the completion it belongs to say of one answer.

    `credit` is a share in [0, 1]; `elapsed_seconds` is negative where the attempt ends before it starts.
    """

    student_id: str
    item_id: str
    credit: float
    when: str
    when_column: str
    elapsed_seconds: float | None
    attempt: int | None
    session_id: str | None


def is_event(value: object) -> bool:
    return all(part(value, key) is not None for key in ("type", "actor", "action", "object"))


def is_envelope(value: object) -> bool:
    return isinstance(part(value, "data"), list)


def events_of(envelope: object) -> list[object]:
    return list_at(envelope, "data")


def id_of(value: object) -> str:
    """Return the id of an entity, which stands for itself or is an object with an id."""
    return value.strip() if isinstance(value, str) else text_at(value, "id")


def half_of(event: object) -> Half | None:
    """Return which half of an answer an event is, or None where it is about something else."""
    kind = text_at(event, "type"), text_at(event, "action")
    if kind == ("AssessmentItemEvent", "Completed"):
        return "completed"
    return "graded" if kind == ("GradeEvent", "Graded") else None


def attempt_of(event: object) -> str:
    """Return the id of the attempt that a half is about. Raises: BadCellError when it names none.

    That of an item event is its response's, or what it generated when that is the attempt.
    """
    if half_of(event) == "graded":
        found = id_of(part(event, "object"))
    else:
        found = id_of(part(event, "generated", "attempt")) or id_of(part(event, "generated"))
    if not found:
        raise BadCellError("attempt", "", NO_ATTEMPT)
    return found


def student_of(event: object) -> str:
    """Return whose doing an event tells of, "" where it does not say: of a grade, whose attempt was graded."""
    if half_of(event) != "graded":
        return id_of(part(event, "actor"))
    attempt = part(event, "object")
    return id_of(part(attempt, "assignee")) or id_of(part(attempt, "actor"))


def item_of(event: object) -> str:
    """Return the item that a completion is about."""
    return id_of(part(event, "object"))


def is_of_an_item(grade: object, items: set[str]) -> bool:
    """Return whether a grade without a completion is one of an item; `items` are those known from completions."""
    assignable = part(grade, "object", "assignable")
    return text_at(assignable, "type") == ITEM or id_of(assignable) in items


def trimmed(value: object) -> Any:
    """Return an event with only those parts that say something about an answer."""
    if not isinstance(value, dict):
        return value if isinstance(value, str | int | float) else None
    event = cast(dict[str, object], value)
    return {name: trimmed(held) for name, held in event.items() if name in KEPT}


def read_attempt(completed: object, grade: object) -> AnswerAttempt:
    """Return what both halves say; `completed` is None where it has not come.

    Raises: BadCellError when something breaks a rule.
    """
    attempt, response = part(grade, "object"), part(completed, "generated")
    student = _first(id_of(part(completed, "actor")), student_of(grade))
    item_id = _first(item_of(completed), id_of(part(attempt, "assignable")))
    if not student:
        raise BadCellError("object.assignee", "", NO_STUDENT)
    if not item_id:
        raise BadCellError("object.assignable", "", NO_ITEM)
    when, column = next(
        (text, column)
        for text, column in (
            (text_at(completed, "eventTime"), "eventTime"),
            (text_at(attempt, "endedAtTime"), "object.endedAtTime"),
            (text_at(grade, "eventTime"), "eventTime"),
        )
        if text
    )
    spans = (response, part(response, "attempt"), attempt)
    counts = (number_at(value, "count") for value in (part(response, "attempt"), attempt))
    return AnswerAttempt(
        student_id=student,
        item_id=item_id,
        credit=_credit(grade),
        when=when,
        when_column=column,
        elapsed_seconds=next((span for value in spans if (span := _elapsed(value)) is not None), None),
        attempt=next((int(number) for number in counts if number is not None), None),
        session_id=id_of(part(completed, "session")) or None,
    )


def _first(*values: str) -> str:
    return next((value for value in values if value), "")


def _elapsed(value: object) -> float | None:
    if duration := text_at(value, "duration"):
        return duration_seconds(duration, "duration")
    start, end = text_at(value, "startedAtTime"), text_at(value, "endedAtTime")
    if not start or not end:
        return None
    return (parse_time(end, "endedAtTime") - parse_time(start, "startedAtTime")).total_seconds()


def _credit(grade: object) -> float:
    score = part(grade, "generated")
    given, highest = number_at(score, "scoreGiven"), number_at(score, "maxScore")
    if given is None or highest is None or highest <= 0 or not 0 <= given <= highest:
        raise BadCellError("generated.scoreGiven", f"{given} of {highest}", NO_SCORE)
    return given / highest
