"""Read and change what students have agreed to."""

from datetime import UTC, datetime

from knowtrace.service.classroom import Classroom
from knowtrace.service.consents.schemas import ConsentOut
from knowtrace.service.identity.caller import Caller
from knowtrace.store import Deed
from knowtrace.store.portability import TRAINING, Consent


async def read(classroom: Classroom, caller: Caller, student_id: str) -> ConsentOut:
    async with classroom.store.reading(caller.tenant_id) as session:
        consent = await session.consents.get(student_id, TRAINING)
    if consent is None:
        default = classroom.settings.training_consent_default
        return ConsentOut(student_id=student_id, training=default, is_default=True, changed_at=None)
    return _shown(consent)


async def decide(
    classroom: Classroom, caller: Caller, student_id: str, *, training: bool, request_id: str
) -> ConsentOut:
    """Store a decision, with its line in the audit log."""
    now = datetime.now(UTC)
    consent = Consent(
        student_id=student_id, purpose=TRAINING, given=training, changed_at=now, changed_by=caller.subject
    )
    deed = Deed(
        subject=caller.subject,
        role=caller.role.value,
        action="consent.give" if training else "consent.withdraw",
        object=f"student:{student_id}",
        request_id=request_id,
    )
    async with classroom.store.writing(caller.tenant_id) as session:
        await session.consents.put(consent)
        await session.audit.append(deed, at=now)
    return _shown(consent)


def _shown(consent: Consent) -> ConsentOut:
    return ConsentOut(
        student_id=consent.student_id,
        training=consent.given,
        is_default=False,
        changed_at=consent.changed_at,
    )
