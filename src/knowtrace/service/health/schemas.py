"""What probes are told."""

from typing import Literal

from pydantic import BaseModel


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Every part that an answer needs is there."""

    status: Literal["ready"]
    model_version: str
    checks: dict[str, str]
