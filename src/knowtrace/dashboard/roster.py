"""The list of students: who answered last, and how many skills each has mastered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from knowtrace.domain import MasteryState
from knowtrace.store import StoredStudent, StudentSummary
from knowtrace.tracing import Tracer
from knowtrace.tracing.stored import to_state


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """One student of the list. `state_counts` is None when another model computed the stored state."""

    student_id: str
    num_answers: int
    last_answered_at: datetime | None
    state_counts: dict[MasteryState, int] | None


def roster(
    summaries: Sequence[StudentSummary], stored: Mapping[str, StoredStudent], tracer: Tracer
) -> list[RosterRow]:
    """Return one row per student, with the states that the student's own page shows."""
    return [
        RosterRow(
            student_id=summary.student_id,
            num_answers=summary.num_answers,
            last_answered_at=summary.last_answered_at,
            state_counts=_counts(stored.get(summary.student_id), tracer),
        )
        for summary in summaries
    ]


def _counts(student: StoredStudent | None, tracer: Tracer) -> dict[MasteryState, int] | None:
    # Replaying every student of the list after a change of model would take seconds: their own pages do it.
    if student is None or student.model_version != tracer.version:
        return None
    known = [skill_id for skill_id in student.skills if skill_id in tracer.vocabulary.skill_indices]
    states = [mastery.state for mastery in tracer.mastery(to_state(student), known)]
    return {state: states.count(state) for state in MasteryState}
