"""Response models: one file each, all answering the same two calls. Needs the `train` extra."""

from knowtrace.models.contract import (
    Answer,
    Asked,
    Batch,
    ItemRow,
    ResponseModel,
    Sizes,
    TrainingAnswers,
)
from knowtrace.models.registry import (
    MODELS,
    ModelEntry,
    build_model,
    learns_by_gradient,
    model_config,
    preset,
    search_space,
    usual_training,
)

__all__ = [
    "MODELS",
    "Answer",
    "Asked",
    "Batch",
    "ItemRow",
    "ModelEntry",
    "ResponseModel",
    "Sizes",
    "TrainingAnswers",
    "build_model",
    "learns_by_gradient",
    "model_config",
    "preset",
    "search_space",
    "usual_training",
]
