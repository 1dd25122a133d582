"""The names of all models. A model's name occurs here and in its own file, nowhere else."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from knowtrace.errors import NotFoundError, TrainingError
from knowtrace.models.akt import AKT, AKTConfig
from knowtrace.models.best_lr import BestLR, BestLRConfig
from knowtrace.models.contract import ResponseModel, Sizes
from knowtrace.models.dkt import DKT, DKTConfig
from knowtrace.models.dkt_transformer import DKTTransformer, DKTTransformerConfig
from knowtrace.models.elo import Elo, EloConfig
from knowtrace.models.item_mean import ItemMean, ItemMeanConfig
from knowtrace.models.mingru import MinGRU, MinGRUConfig
from knowtrace.models.sakt import SAKT, SAKTConfig
from knowtrace.models.simplekt import SimpleKT, SimpleKTConfig


@dataclass(frozen=True)
class ModelEntry:
    """One model: its class, its configuration's class, one line that says what it is, and the training settings
    in which it differs from the usual ones."""

    model: type[Any]
    config: type[Any]
    summary: str
    training: Mapping[str, Any] = field(default_factory=dict[str, Any])


MODELS: dict[str, ModelEntry] = {
    "item-mean": ModelEntry(ItemMean, ItemMeanConfig, "every student answers as past students did"),
    "elo": ModelEntry(
        Elo,
        EloConfig,
        "ratings of student, skill and item that move by the surprise of each answer",
        {"learning_rate": 1e-2, "epochs": 4},
    ),
    "best-lr": ModelEntry(
        BestLR,
        BestLRConfig,
        "logistic regression on past right and wrong answers (Gervet 2020)",
        {"learning_rate": 1e-2, "epochs": 6},
    ),
    "dkt": ModelEntry(
        DKT, DKTConfig, "item-level deep knowledge tracing: an LSTM over past answers (Piech 2015)"
    ),
    "dkt-transformer": ModelEntry(
        DKTTransformer,
        DKTTransformerConfig,
        "item-level deep knowledge tracing: a causal transformer over past answers",
    ),
    "sakt": ModelEntry(
        SAKT, SAKTConfig, "the asked item attends to past answers; says which (Pandey and Karypis 2019)"
    ),
    "simplekt": ModelEntry(
        SimpleKT, SimpleKTConfig, "plain attention between items, values from answers (Liu 2023)"
    ),
    "akt": ModelEntry(
        AKT, AKTConfig, "attention that fades with context-aware distance, in three layers (Ghosh 2020)"
    ),
    "mingru": ModelEntry(
        MinGRU,
        MinGRUConfig,
        "our own: a minimal gated recurrence over item statistics and running counts",
        {"learning_rate": 3e-3, "epochs": 18, "patience": 5},
    ),
}


def model_config(name: str, overrides: Mapping[str, Any] | None = None) -> Any:
    """Return the configuration of a model with some of its defaults replaced.

    Raises:
        NotFoundError: no model has this name.
        TrainingError: the model has no such setting, or a value is out of its range.
    """
    entry = _entry(name)
    known = {f.name for f in dataclasses.fields(entry.config)}
    unknown = sorted(set(overrides or {}) - known)
    if unknown:
        raise TrainingError(
            f"Model {name!r} has no setting {', '.join(map(repr, unknown))}. It has: {', '.join(sorted(known))}."
        )
    return entry.config(**(overrides or {}))


def build_model(name: str, sizes: Sizes, overrides: Mapping[str, Any] | None = None) -> ResponseModel:
    """Return a new, untrained model; see `model_config` for what it raises."""
    return _entry(name).model(model_config(name, overrides), sizes)


def usual_training(name: str) -> dict[str, Any]:
    """Return the training settings in which a model differs from the usual ones."""
    return dict(_entry(name).training)


def _entry(name: str) -> ModelEntry:
    try:
        return MODELS[name]
    except KeyError:
        raise NotFoundError(
            f"No model named {name!r}. Known: {', '.join(MODELS)}. `knowtrace models` describes them."
        ) from None
