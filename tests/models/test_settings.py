"""Settings that no model can be built from are refused in one sentence."""

import math
from typing import Any

import pytest

from knowtrace.errors import NotFoundError, TrainingError
from knowtrace.models import MODELS, model_config
from knowtrace.training import TrainingConfig

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("dkt", {"dropout": 7.0}),
    ("dkt", {"hidden_dim": 0}),
    ("dkt", {"hidden_dim": 1025}),
    ("dkt", {"hidden_items": math.nan}),
    ("elo", {"step": -1.0}),
    ("elo", {"decay": 0.0}),
    ("best-lr", {"hidden_items": 1.5}),
    ("deep-gpcm", {"slots": 0}),
    ("transformer-gpcm", {"window": 0}),
    ("bayesian-gpcm", {"annealed_batches": 0}),
    ("multi-task", {"intervene_below": 1.5}),
    ("item-mean", {"prior_answers": 0.0}),
    ("bkt", {"prior_answers": 0.0}),
    ("counter", {"gain": 0.0}),
    ("das3h", {"hidden_items": -0.1}),
    ("elo-uncertainty", {"skill_variance": 0.0}),
    ("irt", {"diffusion": 0.25}),
    ("wd-irt", {"most_guessing": 0.6}),
    ("sakt", {"window": 0}),
    ("simplekt", {"layers": 0}),
    ("akt", {"heads": 65}),
    ("dkt-transformer", {"dropout": 2.0}),
]


@pytest.mark.parametrize(("name", "overrides"), WRONG)
def test_a_value_out_of_range_is_named_with_its_range(name: str, overrides: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match=rf"{next(iter(overrides))} .* must lie in"):
        model_config(name, overrides)


@pytest.mark.parametrize("name", ["sakt", "simplekt", "akt", "dkt-transformer"])
def test_a_state_above_its_limit_and_uneven_heads_are_named_together(name: str) -> None:
    with pytest.raises(
        TrainingError, match=r"heads \(3\) must divide width \(1024\); window \(1000\) .* bytes"
    ):
        model_config(name, {"width": 1024, "window": 1000, "heads": 3})


def test_an_unknown_setting_and_an_unknown_model_say_what_is_known() -> None:
    with pytest.raises(TrainingError, match=r"no setting 'depth'\. It has: .*hidden_dim"):
        model_config("dkt", {"depth": 3})
    with pytest.raises(NotFoundError, match="Known: " + ", ".join(MODELS)):
        model_config("lpkt")


@pytest.mark.parametrize(
    "setting", [{"learning_rate": math.nan}, {"epochs": 0}, {"longest": 0}, {"seed": -1}]
)
def test_training_settings_have_ranges_too(setting: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="must lie in"):
        TrainingConfig(**setting)


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(TrainingError, match=r"dropout.*; hidden_items"):
        model_config("dkt", {"dropout": 2.0, "hidden_items": 2.0})
