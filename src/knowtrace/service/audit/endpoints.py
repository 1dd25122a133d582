"""GET /api/v1/audit"""

from typing import Annotated

from fastapi import Query as FromQuery
from starlette.responses import Response

from knowtrace.service.audit.schemas import AuditOut, AuditQuery
from knowtrace.service.audit.service import newest
from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.route import Resource

router = Resource(prefix="/api/v1/audit", tags=["audit"])
Auditor = Annotated[Caller, may(Permission.AUDIT_READ)]


@router.get("", response_model=AuditOut, responses=answers(422, 503))
async def read_audit(
    classroom: InClassroom,
    query: Annotated[AuditQuery, FromQuery()],
    caller: Auditor,
) -> Response:
    """Return what was done in the caller's tenant, from the newest back."""
    return reply(await newest(classroom.store, caller.tenant_id, query))
