"""POST and PUT /xapi/statements"""

import re
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from knowtrace.errors import MalformedError
from knowtrace.service.classroom import InClassroom
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource
from knowtrace.service.xapi.schemas import VERSION, SpokenVersion, Statement, StatementId, Statements
from knowtrace.service.xapi.service import store_statements, students_named, with_id


async def _speak(request: Request) -> None:
    record_of(request.scope).headers["X-Experience-API-Version"] = VERSION


router = Resource(prefix="/xapi", tags=["xapi"], route_class=JsonRoute, dependencies=[Depends(_speak)])
Writer = Annotated[Caller, may(Permission.ANSWERS_WRITE, named_in=students_named)]
SPOKEN = re.compile(r"1\.0(\.\d+)?")


@router.post("/statements", response_model=list[str], responses=answers(400, 409, 413, 422, 503))
async def post_statements(
    request: Request,
    classroom: InClassroom,
    caller: Writer,
    body: Statements,
    version: SpokenVersion = None,
) -> list[str]:
    """Store one xAPI statement or up to 1,000, all or none of them, and answer their ids.

    Answers to questions go into the log of answers under the statement's id; a statement that voids withdraws the
    answer it names. All others are kept by id and hash only. `X-KnowTrace-Statements` counts what was what.
    """
    _check(version)
    sent = body if isinstance(body, list) else [body]
    return await store_statements(classroom, caller, sent, record_of(request.scope))


@router.put("/statements", status_code=204, responses=answers(400, 409, 413, 422, 503))
async def put_statement(
    request: Request,
    classroom: InClassroom,
    caller: Writer,
    statement_id: StatementId,
    body: Statement,
    version: SpokenVersion = None,
) -> Response:
    """Store one xAPI statement under an id. The same again changes nothing, another one under that id is a 409."""
    _check(version)
    await store_statements(classroom, caller, [with_id(body, statement_id)], record_of(request.scope))
    return Response(status_code=204)


def _check(version: str | None) -> None:
    if version is None or not SPOKEN.fullmatch(version):
        raise MalformedError(
            f"X-Experience-API-Version is {'missing' if version is None else repr(version)}: this service "
            f"speaks {VERSION}."
        )
