"""Caliper events in a file: envelopes with their `data`, or events by themselves; versions 1.1 and 1.2.

- An answer is an attempt at an item. An `AssessmentItemEvent` of the action Completed says who, which item, when
  and how long; a `GradeEvent` says how good, by the attempt's id. Either may come first.
- The response is `scoreGiven` of `maxScore`. Of several grades for one attempt, the last counts; the others
  are merged into it.
- A grade of a whole assessment is no answer to an item: it is counted in a note, as are all other events.
- A completed item without a grade is quarantined: nobody knows how good it was. An event's id occurs once.
- The time is the item event's, or else the end of the attempt, or else the grade's. The elapsed time is the
  response's, or else the attempt's, `duration` or time from start to end; unknown, with a note, where that
  ends before it starts.
- The session is the event's `session`, the attempt its `count`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowtrace.sources.cells import BadCellError, parse_time
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.durations import duration_seconds
from knowtrace.sources.gathering import NO_ITEM, NO_STUDENT, Answer, Gathering
from knowtrace.sources.json_values import json_values, list_at, number_at, part, shape_of, text_at
from knowtrace.sources.scale import Responses

ITEM = "AssessmentItem"

REPEATED = "an event's id occurs once"
NO_EVENT = "an event has a type, an actor, an action and an object"
NO_ATTEMPT = "an event about an answer names the attempt"
NO_GRADE = "a completed item has a grade"
NO_SCORE = "a grade has scoreGiven from 0 to its maxScore, which is positive"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """An event and where it stands: its line, and how many came before it."""

    value: object
    line: int
    place: int
    seconds: float


def is_event(value: object) -> bool:
    return all(part(value, key) is not None for key in ("type", "actor", "action", "object"))


def is_caliper(value: object) -> bool:
    """Return whether a value is an event, or an envelope."""
    is_envelope = isinstance(part(value, "data"), list) and bool(
        text_at(value, "sensor") or text_at(value, "sendTime")
    )
    return is_envelope or is_event(value)


def read_caliper(path: Path, *, responses: Responses | None = None, categories: int | None = None) -> Dataset:
    """Read a file of envelopes. Raises: DataError when it cannot be read or holds no answer."""
    gathering = Gathering(name=path.name, format="Caliper events", response_column="generated.scoreGiven")
    gathering.notes.append("The events name no skills: mastery can only be shown per item.")
    log = _Log(gathering)
    for place, (line, value) in enumerate(_events(path, gathering)):
        try:
            log.take(value, line, place)
        except BadCellError as bad:
            gathering.reject(path.name, line, bad.column, bad.value, bad.rule)
    items = {_id(part(event.value, "object")) for event in log.completed.values()}
    for attempt_id, grade in log.grades.items():
        event = log.completed.pop(attempt_id, None)
        if event is None and not _is_of_an_item(grade.value, items):
            log.num_other += 1
            continue
        gathering.num_merged += event is not None
        try:
            student, answer = _answer(event, grade, path.name, gathering)
        except BadCellError as bad:
            gathering.reject(path.name, grade.line, bad.column, bad.value, bad.rule)
        else:
            gathering.answers.setdefault(student, []).append(answer)
    for attempt_id, event in log.completed.items():
        gathering.reject(path.name, event.line, "generated.attempt", attempt_id, NO_GRADE)
    if log.num_other:
        gathering.notes.append(f"{log.num_other:,} events are about other things than answers to items.")
    return gathering.settle(responses=responses, categories=categories)


class _Log:
    """The last completion and the last grade of each attempt, by the attempt's id."""

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self.completed: dict[str, _Event] = {}
        self.grades: dict[str, _Event] = {}
        self.num_other = 0
        self._seen: set[str] = set()

    def take(self, value: object, line: int, place: int) -> None:
        """Take one event. Raises: BadCellError when it is none, a repeat, or names no attempt."""
        if not is_event(value):
            raise BadCellError("", shape_of(value), NO_EVENT)
        event_id = _id(value)
        if event_id in self._seen:
            raise BadCellError("id", event_id, REPEATED)
        if event_id:
            self._seen.add(event_id)
        kind = text_at(value, "type"), text_at(value, "action")
        if kind == ("AssessmentItemEvent", "Completed"):
            self._keep_last(self.completed, _item_attempt(value), value, line, place)
        elif kind == ("GradeEvent", "Graded"):
            self._keep_last(self.grades, _id(part(value, "object")), value, line, place)
        else:
            self.num_other += 1

    def _keep_last(
        self, events: dict[str, _Event], attempt_id: str, value: object, line: int, place: int
    ) -> None:
        """Keep the later of two events of one attempt; the other is merged into it."""
        if not attempt_id:
            raise BadCellError("attempt", "", NO_ATTEMPT)
        _, seconds = self.gathering.time_of(text_at(value, "eventTime"), "eventTime")
        earlier = events.get(attempt_id)
        self.gathering.num_merged += earlier is not None
        if earlier is None or seconds >= earlier.seconds:
            events[attempt_id] = _Event(value=value, line=line, place=place, seconds=seconds)


def _events(path: Path, gathering: Gathering) -> Iterator[tuple[int, object]]:
    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    for line, value in json_values(path, reject):
        if isinstance(part(value, "data"), list):
            yield from ((line, event) for event in list_at(value, "data"))
        else:
            yield line, value


def _id(value: object) -> str:
    """Return the id of an entity, which stands for itself or is an object with an id."""
    return value.strip() if isinstance(value, str) else text_at(value, "id")


def _item_attempt(event: object) -> str:
    """Return the attempt of an item event: its response's, or what it generated when that is the attempt."""
    return _id(part(event, "generated", "attempt")) or _id(part(event, "generated"))


def _is_of_an_item(grade: object, items: set[str]) -> bool:
    assignable = part(grade, "object", "assignable")
    return text_at(assignable, "type") == ITEM or _id(assignable) in items


def _answer(event: _Event | None, grade: _Event, file: str, gathering: Gathering) -> tuple[str, Answer]:
    """Return the student and the answer. Raises: BadCellError when something breaks a rule."""
    attempt = part(grade.value, "object")
    own = None if event is None else event.value
    student = _first(_id(part(own, "actor")), _id(part(attempt, "assignee")), _id(part(attempt, "actor")))
    item_id = _first(_id(part(own, "object")), _id(part(attempt, "assignable")))
    if not student:
        raise BadCellError("object.assignee", "", NO_STUDENT)
    if not item_id:
        raise BadCellError("object.assignable", "", NO_ITEM)
    ended = text_at(attempt, "endedAtTime")
    when, column = next(
        (text, column)
        for text, column in (
            (text_at(own, "eventTime"), "eventTime"),
            (ended, "object.endedAtTime"),
            (text_at(grade.value, "eventTime"), "eventTime"),
        )
        if text
    )
    answered_at, seconds = gathering.time_of(when, column)
    response = part(own, "generated")
    spans = (response, part(response, "attempt"), attempt)
    elapsed = next((span for value in spans if (span := _elapsed(value)) is not None), None)
    if elapsed is not None and elapsed < 0:
        elapsed = None
        gathering.num_backwards += 1
    counts = (number_at(value, "count") for value in (part(response, "attempt"), attempt))
    count = next((int(number) for number in counts if number is not None), None)
    first = event or grade
    return student, Answer(
        order=(seconds, first.place),
        item_id=item_id,
        skill_ids=(),
        response=_response(grade.value),
        answered_at=answered_at,
        elapsed_seconds=gathering.elapsed_of("" if elapsed is None else str(elapsed), "duration"),
        hints_used=None,
        attempt=count,
        session_id=_id(part(own, "session")) or None,
        container_id=None,
        file=file,
        line=grade.line,
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


def _response(grade: object) -> str:
    """Return the score as 0, 1, or a credit between them."""
    score = part(grade, "generated")
    given, highest = number_at(score, "scoreGiven"), number_at(score, "maxScore")
    if given is None or highest is None or highest <= 0 or not 0 <= given <= highest:
        raise BadCellError("generated.scoreGiven", f"{given} of {highest}", NO_SCORE)
    return f"{given / highest:g}"
