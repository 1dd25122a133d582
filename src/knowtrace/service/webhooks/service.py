"""Make webhooks, take them away, and look after what did not arrive."""

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any, cast

import structlog

from knowtrace.errors import ConflictError, NotFoundError, UnavailableError
from knowtrace.service.classroom import Classroom
from knowtrace.service.delivery.kinds import Kind
from knowtrace.service.delivery.senders import allowed_webhooks
from knowtrace.service.identity.caller import Caller
from knowtrace.service.webhooks.schemas import (
    DeadMessage,
    DeadMessagesOut,
    NewWebhookOut,
    RetryOut,
    WebhookIn,
    WebhookOut,
    WebhooksOut,
)
from knowtrace.store import Deed, Session, StoredWebhook

MOST_DEAD_SHOWN = 1_000
MOST_WEBHOOKS = 20

log: Any = structlog.get_logger("knowtrace.webhooks")


async def create_webhook(
    classroom: Classroom, caller: Caller, asked: WebhookIn, request_id: str
) -> NewWebhookOut:
    """Make a webhook with a secret of its own.

    Raises:
        ForbiddenAddressError: no message may be sent to that URL.
        ConflictError: the tenant has as many as it may.
        UnavailableError: the installation has no key to seal secrets with.
    """
    allowed_webhooks(classroom.settings).check(asked.url)
    if not classroom.sealer.can_seal:
        raise UnavailableError("Webhooks need a key to seal their secrets with: set KNOWTRACE_SEAL_KEY.")
    webhook_id, secret = uuid.uuid4().hex, f"whsec_{secrets.token_hex(32)}"
    kinds = list(dict.fromkeys(asked.kinds))
    stored = StoredWebhook(
        webhook_id=webhook_id,
        url=asked.url,
        secret=classroom.sealer.seal(secret.encode(), owner=f"{caller.tenant_id}/{webhook_id}"),
        kinds=tuple(kinds),
        created_at=datetime.now(UTC),
    )
    async with classroom.store.writing(caller.tenant_id) as session:
        if len(await session.outbox.webhooks()) >= MOST_WEBHOOKS:
            raise ConflictError(
                f"There are {MOST_WEBHOOKS} webhooks already, the most there may be: delete one."
            )
        await session.outbox.add_webhook(stored)
        await session.audit.append(_deed(caller, "webhooks.create", webhook_id, request_id))
    await _hear_of_change(classroom)
    return NewWebhookOut(
        webhook_id=webhook_id, url=asked.url, kinds=kinds, created_at=stored.created_at, secret=secret
    )


async def list_webhooks(classroom: Classroom, caller: Caller) -> WebhooksOut:
    async with classroom.store.reading(caller.tenant_id) as session:
        found = await session.outbox.webhooks()
    return WebhooksOut(
        webhooks=[
            WebhookOut(
                webhook_id=hook.webhook_id,
                url=hook.url,
                kinds=[cast(Kind, kind) for kind in hook.kinds],
                created_at=hook.created_at,
            )
            for hook in found
        ]
    )


async def delete_webhook(classroom: Classroom, caller: Caller, webhook_id: str, request_id: str) -> None:
    """Take a webhook away, with all that waits for it. Raises: NotFoundError when there is none."""
    async with classroom.store.writing(caller.tenant_id) as session:
        await _check_there(session, webhook_id)
        await session.outbox.remove_webhook(webhook_id)
        await session.audit.append(_deed(caller, "webhooks.delete", webhook_id, request_id))
    await _hear_of_change(classroom)


async def dead_messages(classroom: Classroom, caller: Caller, webhook_id: str) -> DeadMessagesOut:
    """Return what was given up. Raises: NotFoundError when there is no such webhook."""
    async with classroom.store.reading(caller.tenant_id) as session:
        await _check_there(session, webhook_id)
        found = await session.outbox.dead(webhook_id, limit=MOST_DEAD_SHOWN)
    return DeadMessagesOut(
        messages=[
            DeadMessage(
                message_id=message.message_id,
                kind=cast(Kind, message.kind),
                student_id=message.student_id or None,
                data=message.body,
                created_at=message.created_at,
                attempts=message.attempts,
                dead_at=message.dead_at,
                last_error=message.last_error,
            )
            for message in found
            if message.dead_at is not None
        ]
    )


async def retry_dead(classroom: Classroom, caller: Caller, webhook_id: str, request_id: str) -> RetryOut:
    """Try what was given up again. Raises: NotFoundError when there is no such webhook."""
    async with classroom.store.writing(caller.tenant_id) as session:
        await _check_there(session, webhook_id)
        num_retried = await session.outbox.revive(webhook_id, at=datetime.now(UTC))
        await session.audit.append(_deed(caller, "webhooks.retry", webhook_id, request_id))
    classroom.mailroom.arrived.set()
    return RetryOut(num_retried=num_retried)


async def _hear_of_change(classroom: Classroom) -> None:
    try:
        await classroom.mailroom.refresh()
    except UnavailableError as error:
        # The change is stored: saying no now would have it made twice. Delivery reads it within seconds.
        log.warning("a change of webhooks is heard of later", error=error.for_operators)


async def _check_there(session: Session, webhook_id: str) -> None:
    if await session.outbox.webhook(webhook_id) is None:
        raise NotFoundError("There is no webhook of this id. GET /api/v1/webhooks lists them.")


def _deed(caller: Caller, action: str, webhook_id: str, request_id: str) -> Deed:
    return Deed(
        subject=caller.subject,
        role=caller.role.value,
        action=action,
        object=f"webhook:{webhook_id}",
        request_id=request_id,
    )
