"""Models as they are listed, and what may be asked of them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from knowtrace.registry.aliases import REFERENCE
from knowtrace.service.fields import Id, Strict


class VersionIn(Strict):
    """Which version of a model."""

    version: Id


class ShareIn(VersionIn):
    """Which version, and for which share of students."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.05


class AliasIn(Strict):
    """An alias of an MLflow registry."""

    alias: Annotated[
        str, StringConstraints(pattern=f"^{REFERENCE.pattern}$"), Field(examples=["models:/dkt@champion"])
    ]


class ModelOut(BaseModel):
    """One version of a model. `parts` says what it does now: champion, previous, canary, shadow."""

    model_name: str
    version: str
    is_loaded: bool
    is_active: bool
    parts: list[str]
    loaded_at: datetime | None
    parameters: int | None
    performance_metrics: dict[str, float]
    failures: int
    median_answer_ms: float | None


class ModelsOut(BaseModel):
    """Every model that is loaded or lies in the folder of models, by version; 1,000 at most."""

    models: list[ModelOut]
    canary_share: float | None
    shadow_share: float | None
