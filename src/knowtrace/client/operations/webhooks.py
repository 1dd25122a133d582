"""Where messages about the tenant's students go, and what did not arrive."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from knowtrace.client.answers import Answer, Nothing
from knowtrace.client.call import Call, delete, get, post, segment

Kind = Literal["mastery", "recommendation", "alert"]


class Webhook(Answer):
    """One webhook."""

    webhook_id: str
    url: str
    kinds: list[Kind]
    created_at: datetime


class NewWebhook(Webhook):
    """A webhook just made. `secret` signs its messages and is shown this once."""

    secret: str


class Webhooks(Answer):
    """The tenant's webhooks, the oldest first."""

    webhooks: list[Webhook]


class DeadMessage(Answer):
    """A message that was given up, and why. `student_id` is None where it is about nobody."""

    message_id: str
    kind: Kind
    student_id: str | None
    data: dict[str, Any]
    created_at: datetime
    attempts: int
    dead_at: datetime
    last_error: str | None


class DeadMessages(Answer):
    """The first thousand of them, the oldest first."""

    messages: list[DeadMessage]


class Retried(Answer):
    """How many messages are tried again."""

    num_retried: int


def read() -> Call[Webhooks]:
    return get("/api/v1/webhooks", Webhooks)


def create(url: str, kinds: Sequence[Kind]) -> Call[NewWebhook]:
    """Make a webhook; sent twice, there are two, and each message comes twice."""
    body = {"url": url, "kinds": list(kinds)}
    return post("/api/v1/webhooks", NewWebhook, body, is_repeatable=False)


def remove(webhook_id: str) -> Call[Nothing]:
    return delete(f"/api/v1/webhooks/{segment(webhook_id)}", Nothing)


def dead(webhook_id: str) -> Call[DeadMessages]:
    return get(f"/api/v1/webhooks/{segment(webhook_id)}/dead", DeadMessages)


def retry(webhook_id: str) -> Call[Retried]:
    """Try again what was given up."""
    return post(f"/api/v1/webhooks/{segment(webhook_id)}/retry", Retried)
