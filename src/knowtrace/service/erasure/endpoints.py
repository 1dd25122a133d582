"""DELETE /api/v1/students/{student_id}"""

from typing import Annotated

from fastapi import Request
from starlette.convertors import register_url_convertor
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.erasure.schemas import Receipt
from knowtrace.service.erasure.service import erase_student
from knowtrace.service.fields import AnyId, StudentInPath, reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource

router = Resource(prefix="/api/v1/students", tags=["students"])
BELOW_A_STUDENT = ("consent", "events", "export", "stream", "timeline")


class WholeStudent(AnyId):
    """An id, and nothing below it: a DELETE of anna/consent is meant for the consent of anna, and must erase nobody."""

    regex = AnyId.regex + "".join(f"(?<!/{name})" for name in BELOW_A_STUDENT)


register_url_convertor("whole_student", WholeStudent())

Eraser = Annotated[Caller, may(Permission.ERASE)]


@router.delete("/{student_id:whole_student}", response_model=Receipt, responses=answers(405, 422, 503))
async def erase(
    request: Request, classroom: InClassroom, caller: Eraser, student_id: StudentInPath
) -> Response:
    """Erase a student: every row of theirs in the caller's tenant, behind every answer that was sent before.

    Cannot be undone. The same id may begin anew afterwards. For somebody of whom nothing is kept the receipt counts 0.
    """
    record = record_of(request.scope)
    record.student_id = student_id
    return reply(await erase_student(classroom, caller, student_id, record.request_id))
