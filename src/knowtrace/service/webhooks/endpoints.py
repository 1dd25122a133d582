"""GET, POST /api/v1/webhooks; DELETE, /dead and /retry of one"""

from typing import Annotated

from fastapi import Request
from starlette.responses import Response

from knowtrace.service.classroom import InClassroom
from knowtrace.service.fields import reply
from knowtrace.service.identity.caller import Caller
from knowtrace.service.identity.guard import may
from knowtrace.service.identity.permissions import Permission
from knowtrace.service.problems import answers
from knowtrace.service.record import record_of
from knowtrace.service.route import JsonRoute, Resource
from knowtrace.service.webhooks import service
from knowtrace.service.webhooks.schemas import (
    DeadMessagesOut,
    NewWebhookOut,
    RetryOut,
    WebhookId,
    WebhookIn,
    WebhooksOut,
)

router = Resource(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=JsonRoute)
Manager = Annotated[Caller, may(Permission.WEBHOOKS_MANAGE)]


@router.post("", status_code=201, response_model=NewWebhookOut, responses=answers(400, 409, 422, 503))
async def create_webhook(
    request: Request, classroom: InClassroom, caller: Manager, body: WebhookIn
) -> Response:
    """Let messages go to a URL, each signed with a secret that is shown this once.

    Its host must be allowed by the installation; https is needed, and a public address.
    """
    request_id = record_of(request.scope).request_id
    return reply(await service.create_webhook(classroom, caller, body, request_id), 201)


@router.get("", response_model=WebhooksOut, responses=answers(503))
async def list_webhooks(classroom: InClassroom, caller: Manager) -> Response:
    """Return the tenant's webhooks, without their secrets."""
    return reply(await service.list_webhooks(classroom, caller))


@router.delete("/{webhook_id}", status_code=204, responses=answers(404, 422, 503))
async def delete_webhook(
    request: Request, classroom: InClassroom, caller: Manager, webhook_id: WebhookId
) -> Response:
    """Take a webhook away, with the messages that wait for it."""
    await service.delete_webhook(classroom, caller, webhook_id, record_of(request.scope).request_id)
    return Response(status_code=204)


@router.get("/{webhook_id}/dead", response_model=DeadMessagesOut, responses=answers(404, 422, 503))
async def list_dead_messages(classroom: InClassroom, caller: Manager, webhook_id: WebhookId) -> Response:
    """Return the messages that were given up after too many attempts, and why the last one failed."""
    return reply(await service.dead_messages(classroom, caller, webhook_id))


@router.post("/{webhook_id}/retry", response_model=RetryOut, responses=answers(404, 422, 503))
async def retry_dead_messages(
    request: Request, classroom: InClassroom, caller: Manager, webhook_id: WebhookId
) -> Response:
    """Try the messages again that were given up."""
    request_id = record_of(request.scope).request_id
    return reply(await service.retry_dead(classroom, caller, webhook_id, request_id))
