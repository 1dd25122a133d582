"""What one transaction of the writer did, for whoever waits for it or listens."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from knowtrace.tracing.answers import Event, EventResult, Outcome
from knowtrace.tracing.following import Student
from knowtrace.tracing.student import StudentKey

NO_MODEL = ""
"""In place of a version, in the state of a student whose last answers no model has seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What one transaction did.

    `results` follow the order of the events it was given · `kept_decisions` has the ids of those it stored · `students`
    has whom it touched, as `model_version` sees them; NO_MODEL where none was asked.
    """

    events: Sequence[Event]
    results: list[EventResult]
    kept_decisions: set[str]
    students: Mapping[StudentKey, Student]
    model_version: str
    seconds: float
    cache_hits: int
    cache_misses: int

    def set_aside(self) -> list[StudentKey]:
        """Return whom the model has not caught up with, though it was asked."""
        return [key for key, student in self.students.items() if student.is_unasked and self.model_version]

    def accepted_answers(self) -> Iterator[tuple[str, int]]:
        """Yield item and response of what is newly stored."""
        for event, result in zip(self.events, self.results, strict=True):
            if result.outcome is Outcome.ACCEPTED:
                yield event.interaction.item_id, event.interaction.response
