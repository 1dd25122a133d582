"""Which models there are, and the part each plays. A version is named as `dkt-fdf2a1fffff1`."""

from datetime import datetime

from knowtrace.client.answers import Answer
from knowtrace.client.call import Call, delete, get, post, segment


class Model(Answer):
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


class Models(Answer):
    """Every model that is loaded or lies in the folder of models, by version."""

    models: list[Model]
    canary_share: float | None
    shadow_share: float | None


def read() -> Call[Models]:
    return get("/api/v1/models", Models)


def load(version: str) -> Call[Model]:
    return post(_path(version, "load"), Model, {"version": version})


def unload(version: str) -> Call[Model]:
    return post(_path(version, "unload"), Model, {"version": version})


def activate(version: str) -> Call[Model]:
    """Let a version answer; the champion stays behind it."""
    return post(_path(version, "activate"), Model, {"version": version})


def follow(alias: str) -> Call[Model]:
    """Activate what an alias of MLflow, `models:/dkt@champion`, stands for."""
    return post("/api/v1/models/follow", Model, {"alias": alias})


def roll_back() -> Call[Model]:
    """Let the previous champion answer; sent twice, the one that was rolled back is back."""
    return post("/api/v1/models/rollback", Model, is_repeatable=False)


def begin_canary(version: str, *, share: float = 0.05) -> Call[Model]:
    """Let a version answer a share of students in (0, 1], always the same ones."""
    return post(_path(version, "canary"), Model, {"version": version, "share": share})


def end_canary() -> Call[Models]:
    return delete("/api/v1/models/canary", Models)


def begin_shadow(version: str) -> Call[Model]:
    """Let a version compute beside the champion, for nobody to see."""
    return post(_path(version, "shadow"), Model, {"version": version})


def end_shadow() -> Call[Models]:
    return delete("/api/v1/models/shadow", Models)


def _path(version: str, verb: str) -> str:
    return f"/api/v1/models/{segment(version.rpartition('-')[0])}/{verb}"
