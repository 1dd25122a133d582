"""GET /api/v1/students/{student_id}/export"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Request
from starlette.responses import StreamingResponse

from knowtrace.service.classroom import InClassroom
from knowtrace.service.export.service import begin, export
from knowtrace.service.fields import StudentInPath
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import Resource

MEDIA_TYPE = "application/x-ndjson"

router = Resource(prefix="/api/v1/students", tags=["students"])
Exporter = Annotated[Caller, may(Permission.EXPORT)]


@router.get(
    "/{student_id:id}/export",
    response_class=StreamingResponse,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}, **answers(422, 503)},
)
async def export_student(
    request: Request, classroom: InClassroom, caller: Exporter, student_id: StudentInPath
) -> StreamingResponse:
    """Stream everything that is kept of a student as JSON lines; the last line, `end`, counts the others.

    Each line has a `kind`. The `event` of a line of that kind can be sent to POST /api/v1/events as it is; one whose
    `withdrawn_at` is set is no part of the history any more. Snapshots of the state are not told: they are older
    copies, made of the same answers. Of a job that names others too, only the student's own requests and results are.
    """
    record = record_of(request.scope)
    record.student_id = student_id
    await begin(classroom, caller, student_id, record.request_id)
    lines: AsyncIterator[bytes] = export(classroom, caller, student_id)
    return StreamingResponse(lines, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
