"""Webhooks as they are asked for and shown."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from knowtrace.service.delivery.kinds import Kind
from knowtrace.service.fields import Id, Strict

WebhookId = Annotated[Id, Path(description="The webhook's id, as POST /api/v1/webhooks has answered it.")]


class WebhookIn(Strict):
    """Where messages of these kinds should go."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    kinds: Annotated[list[Kind], Field(min_length=1)]


class WebhookOut(BaseModel):
    """One webhook."""

    webhook_id: str
    url: str
    kinds: list[Kind]
    created_at: datetime


class NewWebhookOut(WebhookOut):
    """A webhook just made. `secret` signs its messages and is shown this once."""

    secret: str


class WebhooksOut(BaseModel):
    """The tenant's webhooks, the oldest first."""

    webhooks: list[WebhookOut]


class DeadMessage(BaseModel):
    """A message that was given up, and why. `student_id` is null where it is about nobody."""

    message_id: str
    kind: Kind
    student_id: str | None
    data: dict[str, Any]
    created_at: datetime
    attempts: int
    dead_at: datetime
    last_error: str | None


class DeadMessagesOut(BaseModel):
    """The first thousand of them, the oldest first."""

    messages: list[DeadMessage]


class RetryOut(BaseModel):
    """How many messages are tried again."""

    num_retried: int
