"""Response models: one file each, all answering the same two calls. Needs the `train` extra."""

from knowtrace.models.contract import Batch, ResponseModel, Sizes
from knowtrace.models.registry import MODELS, ModelEntry, build_model, model_config, usual_training

__all__ = [
    "MODELS",
    "Batch",
    "ModelEntry",
    "ResponseModel",
    "Sizes",
    "build_model",
    "model_config",
    "usual_training",
]
