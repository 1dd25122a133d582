"""What a change of the log is: which answers are new, what a revision makes of one, and how it goes without a model."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from knowtrace.errors import ConflictError
from knowtrace.store import KnownEvent, Place, Session, StoredEvent
from knowtrace.tracing.ahead import LONG_HISTORY
from knowtrace.tracing.answers import Event, EventResult, Outcome, Revision, RevisionResult
from knowtrace.tracing.following import Student


def conflict(event: Event) -> EventResult:
    reason = (
        f"event_id {event.event_id!r} is already stored with another body: an id names one answer "
        "for ever. Send this answer under an id of its own, or PUT a correction."
    )
    return EventResult(event_id=event.event_id, outcome=Outcome.CONFLICT, reason=reason)


async def is_long(session: Session, student_id: str, num_answers: int, model_version: str) -> bool:
    """Whether a rebuild would step through more of a student's answers than others can be let wait for.

    To be asked when the snapshots that a changed past has made wrong are gone.
    """
    if num_answers < LONG_HISTORY:
        return False
    newest = await session.snapshots.newest(student_id, model_version)
    return num_answers - (newest.num_answers if newest else 0) >= LONG_HISTORY


async def set_aside(session: Session, students: Iterable[Student], head: int) -> None:
    """Count new answers that no model has seen; the state stands where it stood, and says that it does."""
    for student in students:
        student.is_unasked = bool(student.fresh) or not student.is_current
        if not student.fresh:
            continue
        student.fresh.sort(key=lambda event: event.place)
        if student.is_late:
            student.rewritten_at = head
        await session.snapshots.forget(student.student_id, since=student.fresh[0].place)
        last = max(event.place[0] for event in student.fresh)
        before = student.state.last_answered_at
        student.state = replace(
            student.state,
            num_answers=student.state.num_answers + len(student.fresh),
            last_answered_at=last if before is None else max(before, last),
        )
        student.last_position = max(event.position for event in student.fresh)


async def new_ones(
    session: Session, events: Sequence[Event], head: int, now: datetime
) -> tuple[list[StoredEvent], list[Outcome], set[str]]:
    """Tell new events from repeated and contradicting ones, and give the new ones their place in the log.

    Returns them, what became of each event, and the ids of those that were withdrawn since they were stored.
    """
    known = await session.events.known([event.event_id for event in events])
    withdrawn = {event_id for event_id, found in known.items() if found.is_withdrawn}
    fresh: list[StoredEvent] = []
    outcomes: list[Outcome] = []
    for event in events:
        if event.event_id in known:
            is_same = known[event.event_id].fingerprint == event.fingerprint
            outcomes.append(Outcome.DUPLICATE if is_same else Outcome.CONFLICT)
        else:
            outcomes.append(Outcome.ACCEPTED)
            known[event.event_id] = KnownEvent(event.fingerprint, is_withdrawn=False)
            head += 1
            fresh.append(
                StoredEvent(
                    position=head,
                    event_id=event.event_id,
                    interaction=event.interaction,
                    received_at=now,
                    fingerprint=event.fingerprint,
                )
            )
    return fresh, outcomes, withdrawn


async def recount(session: Session, student: Student, *, since: Place) -> None:
    """Count what is left of a student's answers after a revision that no model has seen."""
    await session.snapshots.forget(student.student_id, since=since)
    await session.students.forget_mastery([student.student_id])
    num_answers, last_answered_at, student.last_position = await session.events.extent(student.student_id)
    student.is_unasked = True
    student.state = replace(student.state, num_answers=num_answers, last_answered_at=last_answered_at)


def unasked(event: StoredEvent, student_ids: tuple[str, ...], *, is_new: bool = True) -> RevisionResult:
    """Say that a revision is stored, and no more."""
    return RevisionResult(
        event_id=event.event_id,
        student_id=event.interaction.student_id,
        revision=event.revision,
        is_withdrawn=event.withdrawn_at is not None,
        is_new=is_new,
        student_ids=student_ids,
        is_degraded=True,
    )


def revised(revision: Revision, older: StoredEvent, now: datetime) -> StoredEvent | None:
    """Return the stored answer as it is to be, or None where it is so already."""
    if revision.interaction is None:
        if older.withdrawn_at is not None:
            return None
        return replace(older, revision=older.revision + 1, withdrawn_at=now)
    if older.withdrawn_at is not None:
        raise ConflictError(
            f"The answer {revision.event_id!r} was withdrawn and cannot be corrected: send the right one under "
            "an event_id of its own."
        )
    if older.interaction == revision.interaction:
        return None
    return replace(older, revision=older.revision + 1, interaction=revision.interaction)
