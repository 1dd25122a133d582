"""API keys as they are asked for and shown."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from knowtrace.service.fields import WHOLE, Id, Strict

MOST_SCOPES = 50


class KeyIn(Strict):
    """A key to be made. Without `scopes` it may do what its role may; without `expires_days` it never expires."""

    role: Annotated[str, Field(pattern="^(student|educator|admin|service)$")]
    name: Id
    student_id: Id | None = None
    scopes: Annotated[list[Id], Field(max_length=MOST_SCOPES)] = Field(default_factory=list[str])
    expires_days: Annotated[int, Field(ge=1, le=36_500), WHOLE] | None = None


class RotationIn(Strict):
    """How long the secret before is accepted beside the new one."""

    overlap_hours: Annotated[float, Field(ge=0, le=24 * 30, allow_inf_nan=False)] = 24.0


class KeyOut(BaseModel):
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


class KeysOut(BaseModel):
    keys: list[KeyOut]


class IssuedKeyOut(BaseModel):
    """A key with its secret: it is shown this once."""

    key_id: str
    key: str


class RevokedKeyOut(BaseModel):
    """A key that is accepted no more."""

    key_id: str
