"""Caliper events in a file: envelopes with their `data`, or events by themselves; versions 1.1 and 1.2.

`knowtrace.standards.caliper` says what an answer is. In a file besides:

- Of several grades for one attempt, the last counts; the others are merged into it.
- A grade of a whole assessment is no answer to an item: it is counted in a note, as are all other events.
- A completed item without a grade is quarantined: nobody knows how good it was. An event's id occurs once.
- The elapsed time of an attempt that ends before it starts is unknown, with a note.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowtrace.sources.dataset import Dataset
from knowtrace.sources.gathering import Answer, Gathering
from knowtrace.sources.json_values import json_values
from knowtrace.sources.scale import Responses
from knowtrace.standards.caliper import (
    NO_EVENT,
    attempt_of,
    events_of,
    half_of,
    id_of,
    is_envelope,
    is_event,
    is_of_an_item,
    item_of,
    read_attempt,
)
from knowtrace.standards.cells import BadCellError
from knowtrace.standards.json_parts import shape_of, text_at

REPEATED = "an event's id occurs once"
NO_GRADE = "a completed item has a grade"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """An event and where it stands: its line, and how many came before it."""

    value: object
    line: int
    place: int
    seconds: float


def is_caliper(value: object) -> bool:
    """Return whether a value is an event, or an envelope."""
    is_signed = bool(text_at(value, "sensor") or text_at(value, "sendTime"))
    return (is_signed and is_envelope(value)) or is_event(value)


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
    items = {item_of(event.value) for event in log.completed.values()}
    for attempt_id, grade in log.grades.items():
        event = log.completed.pop(attempt_id, None)
        if event is None and not is_of_an_item(grade.value, items):
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
        event_id = id_of(value)
        if event_id in self._seen:
            raise BadCellError("id", event_id, REPEATED)
        if event_id:
            self._seen.add(event_id)
        half = half_of(value)
        if half is None:
            self.num_other += 1
        else:
            self._keep_last(self.completed if half == "completed" else self.grades, value, line, place)

    def _keep_last(self, events: dict[str, _Event], value: object, line: int, place: int) -> None:
        """Keep the later of two events of one attempt; the other is merged into it."""
        attempt_id = attempt_of(value)
        _, seconds = self.gathering.time_of(text_at(value, "eventTime"), "eventTime")
        earlier = events.get(attempt_id)
        self.gathering.num_merged += earlier is not None
        if earlier is None or seconds >= earlier.seconds:
            events[attempt_id] = _Event(value=value, line=line, place=place, seconds=seconds)


def _events(path: Path, gathering: Gathering) -> Iterator[tuple[int, object]]:
    def reject(line: int, column: str, value: str, rule: str) -> None:
        gathering.reject(path.name, line, column, value, rule)

    for line, value in json_values(path, reject):
        if is_envelope(value):
            yield from ((line, event) for event in events_of(value))
        else:
            yield line, value


def _answer(event: _Event | None, grade: _Event, file: str, gathering: Gathering) -> tuple[str, Answer]:
    """Return the student and the answer. Raises: BadCellError when something breaks a rule."""
    said = read_attempt(None if event is None else event.value, grade.value)
    answered_at, seconds = gathering.time_of(said.when, said.when_column)
    elapsed = said.elapsed_seconds
    if elapsed is not None and elapsed < 0:
        elapsed = None
        gathering.num_backwards += 1
    return said.student_id, Answer(
        order=(seconds, (event or grade).place),
        item_id=said.item_id,
        skill_ids=(),
        response=f"{said.credit:g}",
        answered_at=answered_at,
        elapsed_seconds=gathering.elapsed_of("" if elapsed is None else str(elapsed), "duration"),
        hints_used=None,
        attempt=said.attempt,
        session_id=said.session_id,
        container_id=None,
        file=file,
        line=grade.line,
    )
