"""One row of a student, of a given time, in one table after the other."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from knowtrace.store import (
    JobPriority,
    JobStatus,
    LearningRecord,
    Message,
    Session,
    StoredDecision,
    StoredEvent,
    StoredJob,
    StoredKey,
)
from knowtrace.store.portability import TRAINING, Consent
from tests.store.test_event_log import event

Keep = Callable[[Session, str, datetime], Awaitable[object]]

NUMBERS = count(1_000)
LATER = datetime(2026, 11, 1, tzinfo=UTC)


async def answer(session: Session, student_id: str, at: datetime) -> StoredEvent:
    one = event(next(NUMBERS), minute=0, student=student_id)
    one = replace(one, interaction=replace(one.interaction, answered_at=at))
    await session.events.append([one])
    return one


async def withdrawn_answer(session: Session, student_id: str, at: datetime) -> None:
    """An answer that was withdrawn long after it was given."""
    one = await answer(session, student_id, at)
    await session.events.replace(one, replace(one, revision=1, withdrawn_at=LATER), at=LATER)


async def former_answer(session: Session, student_id: str, at: datetime) -> None:
    """An answer that was put down to somebody else, who answered later."""
    one = await answer(session, student_id, at)
    theirs = replace(one.interaction, student_id=f"heir of {student_id}", answered_at=LATER)
    await session.events.replace(one, replace(one, revision=1, interaction=theirs), at=at)


async def decision(session: Session, student_id: str, at: datetime) -> None:
    kept = StoredDecision(
        decision_id=f"d{next(NUMBERS)}",
        student_id=student_id,
        skill="add",
        created_at=at,
        model_version="m-1",
        recommendation_type="rule-based",
        items=[],
        num_candidates=0,
        propensity=None,
    )
    await session.decisions.append([kept])


async def unused_key(session: Session, student_id: str, at: datetime) -> StoredKey:
    key = StoredKey(
        key_id=f"k{next(NUMBERS)}",
        tenant_id=session.tenant_id,
        role="student",
        student_id=student_id,
        name="tablet",
        scopes=(),
        hash="hash of a secret",
        created_at=at,
    )
    await session.keys.add(key)
    return key


async def used_key(session: Session, student_id: str, at: datetime) -> None:
    key = await unused_key(session, student_id, datetime(2020, 1, 1, tzinfo=UTC))
    await session.keys.mark_used(key.key_id, at)


async def consent(session: Session, student_id: str, at: datetime) -> None:
    await session.consents.put(
        Consent(student_id=student_id, purpose=TRAINING, given=True, changed_at=at, changed_by="a parent")
    )


async def record(
    session: Session, student_id: str | None, at: datetime, *, about_id: str | None = None
) -> None:
    kept = LearningRecord(
        record_id=f"r{next(NUMBERS)}",
        hash="hash of a record",
        kind="completed" if student_id else "graded",
        student_id=student_id,
        about_id=about_id or f"attempt of {student_id}",
        body={"id": "half of an answer"},
        stored_at=at,
    )
    await session.records.append("caliper", [kept])


async def message(session: Session, student_id: str, at: datetime) -> None:
    body = {"student_id": student_id}
    kept = Message(message_id=f"m{next(NUMBERS)}", kind="mastery", student_id=student_id, body=body)
    await session.outbox.append([(kept, ["hook"])], at=at)


async def waiting_job(session: Session, student_id: str, at: datetime) -> StoredJob:
    job = StoredJob(
        job_id=f"j{next(NUMBERS)}",
        kind="predictions",
        priority=JobPriority.LOW,
        status=JobStatus.QUEUED,
        created_at=at,
        created_by="somebody",
        num_items=2,
        callback_url="https://school.example/callback",
    )
    asked = [
        {"user_id": name, "candidate_items": ["x"]} for name in (f"classmate of {student_id}", student_id)
    ]
    await session.jobs.add(job, [asked[:1], asked[1:]])
    return job


async def job_with_results(session: Session, student_id: str, at: datetime) -> None:
    job = await waiting_job(session, student_id, at)
    for number, name in enumerate((f"classmate of {student_id}", student_id)):
        result = {"prediction": {"student_id": name, "predictions": {"x": 0.5}}, "error": None}
        await session.jobs.advance(replace(job, num_done=number), [result], num_failed=0)


OF_NO_ANSWER: dict[str, Keep] = {
    kept.__name__: kept
    for kept in (
        withdrawn_answer,
        former_answer,
        decision,
        unused_key,
        used_key,
        consent,
        record,
        message,
        waiting_job,
        job_with_results,
    )
}
"""Ways to be known without an answer that counts."""
