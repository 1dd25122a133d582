"""API keys of the caller's tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, delete, get, post, segment


class Key(Answer):
    """A key without its secret; `num_secrets` is how many of them are accepted now."""

    key_id: str
    role: str
    student_id: str | None
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    num_secrets: int


class Keys(Answer):
    """Every key there is or was."""

    keys: list[Key]


class IssuedKey(Answer):
    """A key with its secret: it is shown this once."""

    key_id: str
    key: str


class RevokedKey(Answer):
    """A key that is accepted no more."""

    key_id: str


def read() -> Call[Keys]:
    return get("/api/v1/keys", Keys)


def create(
    role: str,
    name: str,
    *,
    student_id: str | None = None,
    scopes: Sequence[str] = (),
    expires_days: int | None = None,
) -> Call[IssuedKey]:
    """Make a key; sent twice, there are two."""
    body: dict[str, Any] = {"role": role, "name": name, "scopes": list(scopes)}
    more = {"student_id": student_id, "expires_days": expires_days}
    body |= {word: value for word, value in more.items() if value is not None}
    return post("/api/v1/keys", IssuedKey, body, is_repeatable=False)


def rotate(key_id: str, *, overlap_hours: float = 24.0) -> Call[IssuedKey]:
    """Give a key a new secret; sent twice, the first new one is the one that runs out."""
    body = {"overlap_hours": overlap_hours}
    return post(f"/api/v1/keys/{segment(key_id)}/rotate", IssuedKey, body, is_repeatable=False)


def revoke(key_id: str) -> Call[RevokedKey]:
    return delete(f"/api/v1/keys/{segment(key_id)}", RevokedKey)
