"""The names of all models. A model's name occurs here and in its own file, nowhere else."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from knowtrace.errors import NotFoundError, TrainingError
from knowtrace.models.akt import AKT, AKTConfig
from knowtrace.models.bayesian_gpcm import BayesianGPCM, BayesianGPCMConfig
from knowtrace.models.best_lr import BestLR, BestLRConfig
from knowtrace.models.best_lr_plus import BestLRPlus, BestLRPlusConfig
from knowtrace.models.bkt import BKT, BKTConfig
from knowtrace.models.contract import ResponseModel, Sizes
from knowtrace.models.counter import Counter, CounterConfig
from knowtrace.models.das3h import DAS3H, DAS3HConfig
from knowtrace.models.deep_gpcm import MOST_FLOATS, DeepGPCM, DeepGPCMConfig
from knowtrace.models.dkt import DKT, DKTConfig
from knowtrace.models.dkt_transformer import DKTTransformer, DKTTransformerConfig
from knowtrace.models.elo import Elo, EloConfig
from knowtrace.models.elo_uncertainty import EloUncertainty, EloUncertaintyConfig
from knowtrace.models.gbdt import GBDT, GBDTConfig
from knowtrace.models.irt import IRT, IRTConfig
from knowtrace.models.item_mean import ItemMean, ItemMeanConfig
from knowtrace.models.mingru import MinGRU, MinGRUConfig
from knowtrace.models.multi_task import MultiTask, MultiTaskConfig
from knowtrace.models.pfa import PFA, PFAConfig
from knowtrace.models.sakt import SAKT, SAKTConfig
from knowtrace.models.simplekt import SimpleKT, SimpleKTConfig
from knowtrace.models.stack import Stack, StackConfig
from knowtrace.models.transformer_gpcm import TransformerGPCM, TransformerGPCMConfig
from knowtrace.models.wd_irt import WDIRT, WDIRTConfig


@dataclass(frozen=True)
class ModelEntry:
    """One model: what builds it from configuration and sizes, its configuration's class, one line that says what it
    is, the training settings in which it differs from the usual ones, the settings worth searching (two floats:
    anything between; else one of the values), and settings by size."""

    model: Callable[[Any, Sizes], ResponseModel]
    config: type[Any]
    summary: str
    training: Mapping[str, Any] = field(default_factory=dict[str, Any])
    search: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


SIZES = {"small": 64, "medium": 128, "large": 256}
"""Widths of the sizes that the Deep-GPCM guide names: its d_model."""

HEADS = {"small": 4, "medium": 8, "large": 8}
LAYERS = {"small": 1, "medium": 2, "large": 3}
SLOTS = {"small": 20, "medium": 40, "large": 80}
"""The guide's memory_size, key_dim and final_fc_dim."""

ATTENTION_SPACE: Mapping[str, tuple[Any, ...]] = {
    "width": tuple(SIZES.values()),
    "heads": (4, 8),
    "window": (50, 100),
    "dropout": (0.1, 0.5),
}


def _widths(*names: str) -> dict[str, dict[str, Any]]:
    return {size: dict.fromkeys(names, width) for size, width in SIZES.items()}


def _attention(*, has_layers: bool) -> dict[str, dict[str, Any]]:
    return {
        size: {"width": width, "heads": HEADS[size], **({"layers": LAYERS[size]} if has_layers else {})}
        for size, width in SIZES.items()
    }


def _memories() -> dict[str, dict[str, Any]]:
    """The guide's sizes of a memory; of its value_dim, three times as wide, as much as a state may hold."""
    return {
        size: {
            "slots": slots,
            "item_dim": slots,
            "summary_dim": slots,
            "value_dim": min(3 * slots, MOST_FLOATS // slots),
        }
        for size, slots in SLOTS.items()
    }


STACK = "blend"

STACKED = ("mingru", "gbdt", "best-lr")
"""The members of a stack that names none."""


def _stack(config: StackConfig, sizes: Sizes) -> Stack:
    members = config.members or [{"name": name, "settings": {}} for name in STACKED]
    return Stack(config, sizes, [build_model(m["name"], sizes, m["settings"]) for m in members])


MODELS: dict[str, ModelEntry] = {
    "item-mean": ModelEntry(
        ItemMean,
        ItemMeanConfig,
        "every student answers as past students did",
        search={"prior_answers": (1.0, 50.0)},
    ),
    "counter": ModelEntry(
        Counter,
        CounterConfig,
        "a right answer adds 0.08 to a skill's mastery, a wrong one takes 0.04",
        {"learning_rate": 2e-2, "epochs": 2},
        search={"gain": (0.02, 0.2), "loss": (0.01, 0.2)},
    ),
    "bkt": ModelEntry(
        BKT,
        BKTConfig,
        "Bayesian knowledge tracing by Baum-Welch (Corbett and Anderson 1995)",
        search={"prior_answers": (1.0, 50.0), "forgetting": (False, True), "item_effects": (False, True)},
    ),
    "irt": ModelEntry(
        IRT,
        IRTConfig,
        "item response theory by marginal likelihood, ability as a posterior",
        search={"diffusion": (0.0, 0.2), "growth": (0.0, 0.02), "prior_answers": (1.0, 20.0)},
    ),
    "elo": ModelEntry(
        Elo,
        EloConfig,
        "ratings of student, skill and item that move by the surprise of each answer",
        {"learning_rate": 1e-2, "epochs": 4},
        search={"step": (0.1, 1.0), "decay": (0.01, 0.2), "prior_answers": (1.0, 20.0)},
    ),
    "elo-uncertainty": ModelEntry(
        EloUncertainty,
        EloUncertaintyConfig,
        "Elo whose ratings are beliefs with a variance (Glickman 1999)",
        {"learning_rate": 2e-2, "epochs": 3, "batch_answers": 16_384},
        search={"overall_variance": (0.2, 2.0), "skill_variance": (0.2, 2.0), "prior_answers": (1.0, 20.0)},
    ),
    "pfa": ModelEntry(
        PFA,
        PFAConfig,
        "logistic regression on right and wrong answers per skill (Pavlik 2009)",
        {"learning_rate": 1e-2, "epochs": 6},
        search={"log_counts": (False, True)},
    ),
    "das3h": ModelEntry(
        DAS3H,
        DAS3HConfig,
        "logistic regression on how often and how lately a skill was practised (Choffin 2019)",
        {"learning_rate": 1e-2, "epochs": 6},
        search={"prior_answers": (1.0, 20.0), "hidden_items": (0.0, 0.1)},
    ),
    "best-lr": ModelEntry(
        BestLR,
        BestLRConfig,
        "logistic regression on past right and wrong answers (Gervet 2020)",
        {"learning_rate": 1e-2, "epochs": 6},
        search={"prior_answers": (1.0, 20.0), "hidden_items": (0.0, 0.1)},
    ),
    "best-lr-plus": ModelEntry(
        BestLRPlus,
        BestLRPlusConfig,
        "Best-LR with fading counts, last answers and item statistics (Schmucker 2022)",
        {"learning_rate": 1e-2, "epochs": 8},
        search={"hidden_items": (0.0, 0.1)},
    ),
    "wd-irt": ModelEntry(
        WDIRT,
        WDIRTConfig,
        "wide and deep item response theory: ability from the history, a, b and c of every item",
        {"learning_rate": 5e-3, "epochs": 12},
        search={"hidden_dim": (64, 128, 192), "dropout": (0.1, 0.5), "item_prior": (3.0, 50.0)},
        presets=_widths("hidden_dim"),
    ),
    "dkt": ModelEntry(
        DKT,
        DKTConfig,
        "item-level deep knowledge tracing: an LSTM over past answers (Piech 2015)",
        search={"dropout": (0.1, 0.6), "hidden_dim": (64, 128, 200), "hidden_items": (0.0, 0.3)},
        presets=_widths("embedding_dim", "hidden_dim"),
    ),
    "gbdt": ModelEntry(
        GBDT,
        GBDTConfig,
        "boosted trees over item statistics and running counts (Ke 2017)",
        search={"num_leaves": (31, 63, 127), "leaf_answers": (50, 200, 500), "learning_rate": (0.02, 0.1)},
    ),
    "dkt-transformer": ModelEntry(
        DKTTransformer,
        DKTTransformerConfig,
        "item-level deep knowledge tracing: a causal transformer over past answers",
        {"learning_rate": 2e-3},
        search={**ATTENTION_SPACE, "layers": (1, 2, 3)},
        presets=_attention(has_layers=True),
    ),
    "sakt": ModelEntry(
        SAKT,
        SAKTConfig,
        "the asked item attends to past answers; says which (Pandey and Karypis 2019)",
        search=ATTENTION_SPACE,
        presets=_attention(has_layers=False),
    ),
    "simplekt": ModelEntry(
        SimpleKT,
        SimpleKTConfig,
        "plain attention between items, values from answers (Liu 2023)",
        search={**ATTENTION_SPACE, "layers": (1, 2, 3)},
        presets=_attention(has_layers=True),
    ),
    "akt": ModelEntry(
        AKT,
        AKTConfig,
        "attention that fades with context-aware distance, in three layers (Ghosh 2020)",
        search=ATTENTION_SPACE,
        presets=_attention(has_layers=False),
    ),
    "mingru": ModelEntry(
        MinGRU,
        MinGRUConfig,
        "our own: a minimal gated recurrence over item statistics and running counts",
        {"learning_rate": 6e-3, "epochs": 30, "patience": 5},
        search={"dropout": (0.1, 0.5), "hidden_dim": (64, 128, 192), "item_dim": (0, 16, 32)},
        presets=_widths("output_dim", "hidden_dim"),
    ),
    STACK: ModelEntry(
        _stack, StackConfig, "several trained models as one; made of runs by `knowtrace stack` (Wolpert 1992)"
    ),
    "deep-gpcm": ModelEntry(
        DeepGPCM,
        DeepGPCMConfig,
        "key-value memory under a generalized partial credit head: ability, discrimination, thresholds (Yeung 2019)",
        {"learning_rate": 5e-3, "epochs": 20, "table_decay": 0.3},
        search={"slots": (10, 20, 32), "value_dim": (32, 64), "dropout": (0.1, 0.5)},
        presets=_memories(),
    ),
    "transformer-gpcm": ModelEntry(
        TransformerGPCM,
        TransformerGPCMConfig,
        "attention over the last answers under a generalized partial credit head",
        {"learning_rate": 5e-3, "epochs": 20, "table_decay": 0.3},
        search=ATTENTION_SPACE,
        presets=_attention(has_layers=False),
    ),
    "bayesian-gpcm": ModelEntry(
        BayesianGPCM,
        BayesianGPCMConfig,
        "generalized partial credit with ability and its uncertainty, filtered answer by answer",
        {"learning_rate": 3e-2, "epochs": 12, "batch_answers": 1_024},
        search={"prior_answers": (1.0, 20.0), "annealed_batches": (50, 100, 200)},
    ),
    "multi-task": ModelEntry(
        MultiTask,
        MultiTaskConfig,
        "one recurrence that also says difficulty, trajectory and whether help is needed",
        {"learning_rate": 5e-3, "epochs": 20, "table_decay": 0.3},
        search={"hidden_dim": (64, 128, 192), "dropout": (0.1, 0.5), "heads_weight": (0.05, 0.5)},
        presets=_widths("hidden_dim"),
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


def search_space(name: str) -> dict[str, tuple[Any, ...]]:
    """Return the settings of a model that are worth searching: two floats, or the values to choose from."""
    return dict(_entry(name).search)


def learns_by_gradient(name: str) -> bool:
    """Return whether a rate of learning and a decay of weights mean anything to a model."""
    smallest = Sizes(num_items=3, num_skills=3, num_categories=2)
    return any(parameter.requires_grad for parameter in build_model(name, smallest).parameters())


def preset(name: str, size: str) -> dict[str, Any]:
    """Return the settings of a model in a size, small, medium or large.

    Raises:
        NotFoundError: the model comes in no such size.
    """
    presets = _entry(name).presets
    if size not in presets:
        raise NotFoundError(
            f"{name} comes in no size {size!r}. Known: {', '.join(presets) or 'none, it has one size'}."
        )
    return dict(presets[size])


def _entry(name: str) -> ModelEntry:
    try:
        return MODELS[name]
    except KeyError:
        raise NotFoundError(
            f"No model named {name!r}. Known: {', '.join(MODELS)}. `knowtrace models` describes them."
        ) from None
