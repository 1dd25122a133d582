"""GET and POST /api/v1/keys, POST …/{key_id}/rotate, DELETE …/{key_id}"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.errors import DeniedError
from knowtrace.service.classroom import Classroom, InClassroom
from knowtrace.service.fields import Id, reply
from knowtrace.service.identity.caller import Caller, Role
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.issuing import IssuedKey, KeyDesk, KeyRequest
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.keys.schemas import IssuedKeyOut, KeyIn, KeyOut, KeysOut, RevokedKeyOut, RotationIn
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource
from knowtrace.store import StoredKey

NOT_KEPT = {"Cache-Control": "no-store"}

router = Resource(prefix="/api/v1/keys", tags=["keys"], route_class=JsonRoute)
Keeper = Annotated[Caller, may(Permission.KEYS_MANAGE)]


@router.get("", response_model=KeysOut, responses=answers(503))
async def list_keys(request: Request, classroom: InClassroom, caller: Keeper) -> Response:
    """Return the keys of the caller's tenant, revoked ones too; never their secrets."""
    keys = await _desk(request, classroom, caller).all(caller.tenant_id)
    return reply(KeysOut(keys=[_shown(key) for key in keys]))


@router.post("", response_model=IssuedKeyOut, responses=answers(400, 413, 422, 503))
async def create_key(request: Request, classroom: InClassroom, caller: Keeper, body: KeyIn) -> Response:
    """Make a key of the caller's tenant. Its secret is shown this once and kept nowhere."""
    _check_whole(caller)
    asked = KeyRequest(
        tenant_id=caller.tenant_id,
        role=Role(body.role),
        name=body.name,
        student_id=body.student_id,
        scopes=frozenset(body.scopes),
        expires_in=timedelta(days=body.expires_days) if body.expires_days else None,
    )
    return _issued(await _desk(request, classroom, caller).create(asked))


@router.post("/{key_id}/rotate", response_model=IssuedKeyOut, responses=answers(404, 409, 413, 422, 503))
async def rotate_key(
    request: Request, classroom: InClassroom, caller: Keeper, key_id: Id, body: RotationIn
) -> Response:
    """Give a key a new secret; the one before is accepted beside it for the overlap."""
    _check_whole(caller)
    overlap = timedelta(hours=body.overlap_hours)
    return _issued(await _desk(request, classroom, caller).rotate(caller.tenant_id, key_id, overlap=overlap))


@router.delete("/{key_id}", response_model=RevokedKeyOut, responses=answers(404, 422, 503))
async def revoke_key(request: Request, classroom: InClassroom, caller: Keeper, key_id: Id) -> Response:
    """Take a key back: every process refuses it within 5 seconds. Doing so again changes nothing."""
    await _desk(request, classroom, caller).revoke(caller.tenant_id, key_id)
    return reply(RevokedKeyOut(key_id=key_id))


def _check_whole(caller: Caller) -> None:
    # It would be handed a secret of a key that may do more than itself.
    if caller.scopes is not None:
        raise DeniedError("A key with scopes gives out no secrets: ask with one that has its whole role.")


def _desk(request: Request, classroom: Classroom, caller: Caller) -> KeyDesk:
    return KeyDesk(classroom.store, caller, request_id=record_of(request.scope).request_id)


def _issued(issued: IssuedKey) -> Response:
    answer = reply(IssuedKeyOut(key_id=issued.key.key_id, key=issued.key.text))
    answer.headers.update(NOT_KEPT)
    return answer


def _shown(key: StoredKey) -> KeyOut:
    return KeyOut(
        key_id=key.key_id,
        role=key.role,
        student_id=key.student_id,
        name=key.name,
        scopes=list(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
        num_secrets=len(key.hashes(datetime.now(UTC))),
    )
