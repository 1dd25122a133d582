"""Forget what is remembered of a student, and nothing of any other."""

from knowtrace.service.cache.schemas import ForgottenOut
from knowtrace.service.classroom import Classroom
from knowtrace.service.identity.caller import Caller
from knowtrace.tracing import StudentKey


async def forget(classroom: Classroom, caller: Caller, student_id: str) -> ForgottenOut:
    """Let the writer, every model, the pages and Redis begin anew with a student.

    Other processes ask the database at each look whether what they remember still holds.

    Raises:
        UnavailableError: the service is stopping.
    """
    student = StudentKey(caller.tenant_id, student_id)
    await classroom.intake.forget(student)
    classroom.forgetting.let_go(student)
    if classroom.states is None:
        return ForgottenOut(user_id=student_id, shared_cache="none")
    is_forgotten = await classroom.states.forget(student)
    return ForgottenOut(user_id=student_id, shared_cache="forgotten" if is_forgotten else "unreachable")
