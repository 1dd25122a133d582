"""DELETE /api/v1/students/{student_id}"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.erasure.schemas import Receipt
from knowtrace.service.erasure.service import erase_student
from knowtrace.service.fields import StudentInPath, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of

router = APIRouter(prefix="/api/v1/students", tags=["students"])
BELOW_A_STUDENT = frozenset({"consent", "events", "export", "stream", "timeline"})
"""Ids may hold slashes: a DELETE of anna/consent is meant for the consent of anna, and must erase nobody."""

Eraser = Annotated[Caller, may(Permission.ERASE)]


@router.delete("/{student_id:path}", response_model=Receipt, responses=answers(405, 422, 503))
async def erase(
    request: Request, classroom: InClassroom, caller: Eraser, student_id: StudentInPath
) -> Response:
    """Erase a student: every row of theirs in the caller's tenant, behind every answer that was sent before.

    Cannot be undone. The same id may begin anew afterwards. For somebody of whom nothing is kept the receipt counts 0.
    """
    if student_id.rpartition("/")[2] in BELOW_A_STUDENT:
        raise HTTPException(405)
    record = record_of(request.scope)
    record.student_id = student_id
    return reply(await erase_student(classroom, caller, student_id, record.request_id))
