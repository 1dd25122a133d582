"""A trained model whose figures or whose steps are not what they must be is named before it is sealed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from knowtrace.errors import TrainingError
from knowtrace.models import Batch
from knowtrace.models.deep_gpcm import DeepGPCM
from knowtrace.models.dkt import DKT
from knowtrace.models.partial_credit import PartialCredit
from knowtrace.models.wd_irt import WDIRT
from knowtrace.models.wide_parameters import Wide
from knowtrace.registry import Run, Steps
from knowtrace.sources import Dataset, SimulationConfig, simulate
from knowtrace.training import Recipe, TrainingConfig, load_model, split_of, train
from knowtrace.training.health import model_ailments
from knowtrace.training.sequences import Sequences, encode
from tests.conftest import SilentReporter

RECIPE = Recipe(
    model="deep-gpcm",
    settings={"slots": 4, "value_dim": 8, "item_dim": 8, "summary_dim": 8},
    training=TrainingConfig(epochs=1),
)


@pytest.fixture(scope="module")
def graded() -> Dataset:
    config = SimulationConfig(num_students=40, num_answers=15, num_items=10, num_skills=2, num_categories=3)
    return simulate(config, seed=1).dataset


@pytest.fixture(scope="module")
def run(graded: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(graded, RECIPE, tmp_path_factory.mktemp("runs") / "run", reporter=SilentReporter())


@pytest.fixture(scope="module")
def wide_run(graded: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = replace(RECIPE, model="wd-irt", settings={"hidden_dim": 8, "skill_dim": 4, "output_dim": 8})
    return train(graded, recipe, tmp_path_factory.mktemp("runs") / "wide", reporter=SilentReporter())


def parts(run: Run, dataset: Dataset) -> tuple[DeepGPCM, Sequences]:
    model, vocabulary = load_model(run)
    assert isinstance(model, DeepGPCM)
    return model, encode(dataset, split_of(dataset, RECIPE).valid, vocabulary)


def strong(figures: PartialCredit) -> PartialCredit:
    return replace(figures, ability=figures.ability + 3.5)


def unknown(figures: PartialCredit) -> PartialCredit:
    return replace(figures, ability=figures.ability * float("nan"))


def negative(figures: PartialCredit) -> PartialCredit:
    return replace(figures, discrimination=-figures.discrimination)


def falling(figures: PartialCredit) -> PartialCredit:
    return replace(figures, thresholds=figures.thresholds.flip(-1))


def broken(monkeypatch: pytest.MonkeyPatch, fault: Callable[[PartialCredit], PartialCredit]) -> None:
    sound = DeepGPCM.figures

    def figures(self: DeepGPCM, batch: Batch) -> PartialCredit:
        return fault(sound(self, batch))

    monkeypatch.setattr(DeepGPCM, "figures", figures)


def test_a_trained_model_has_no_ailment(run: Run, graded: Dataset) -> None:
    model, valid = parts(run, graded)
    assert model_ailments(model, [run.steps()], run.initial_state, valid) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (strong, "beyond +-3"),
        (unknown, "Abilities reach from nan to nan"),
        (negative, "must be positive"),
        (falling, "not in order"),
    ],
)
def test_figures_beyond_what_the_model_promises_are_named(
    fault: Callable[[PartialCredit], PartialCredit],
    said: str,
    run: Run,
    graded: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, valid = parts(run, graded)
    broken(monkeypatch, fault)
    found = model_ailments(model, [run.steps()], run.initial_state, valid)
    assert any(said in sentence for sentence in found), found


def test_thresholds_that_are_free_need_no_order(
    run: Run, graded: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, valid = parts(run, graded)
    broken(monkeypatch, lambda figures: replace(falling(figures), is_ordered=False))
    found = model_ailments(model, [run.steps()], run.initial_state, valid)
    assert not any("order" in sentence for sentence in found), found


def able(wide: Wide, ability: Tensor) -> tuple[Wide, Tensor]:
    return wide, ability + 4.5


def flat(wide: Wide, ability: Tensor) -> tuple[Wide, Tensor]:
    return replace(wide, discrimination=wide.discrimination * 0), ability


def lucky(wide: Wide, ability: Tensor) -> tuple[Wide, Tensor]:
    return replace(wide, guessing=wide.guessing + 0.6), ability


@pytest.mark.parametrize(
    ("fault", "said"),
    [(able, "beyond +-4"), (flat, "must be positive"), (lucky, "beyond 0 to 0.5")],
)
def test_wide_and_deep_figures_beyond_their_ranges_are_named(
    fault: Callable[[Wide, Tensor], tuple[Wide, Tensor]],
    said: str,
    wide_run: Run,
    graded: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, vocabulary = load_model(wide_run)
    valid = encode(graded, split_of(graded, RECIPE).valid, vocabulary)
    forms = [wide_run.steps()]
    assert model_ailments(model, forms, wide_run.initial_state, valid) == []
    sound = WDIRT.measure
    monkeypatch.setattr(WDIRT, "measure", lambda self, batch: fault(*sound(self, batch)))
    found = model_ailments(model, forms, wide_run.initial_state, valid)
    assert any(said in sentence for sentence in found), found


class Forgetful:
    """The steps of a run, which learn nothing from any answer."""

    def __init__(self, steps: Steps) -> None:
        self.predict = steps.predict

    def observe(self, state: NDArray[np.float32], *_: Any, **__: Any) -> NDArray[np.float32]:
        return state


def test_steps_that_are_not_the_model_are_named(run: Run, graded: Dataset) -> None:
    model, valid = parts(run, graded)
    with torch.no_grad():
        model.head.ability.weight.mul_(20)
    steps: Any = Forgetful(run.steps())
    (said,) = model_ailments(model, [steps], run.initial_state, valid)
    assert "Steps and model differ by more than 0.001 in " in said


def test_an_ill_model_is_not_sealed(graded: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, strong)
    with pytest.raises(TrainingError, match=r"not fit to be served\. Abilities reach from .* beyond"):
        train(graded, RECIPE, tmp_path / "run", reporter=SilentReporter())
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_the_faster_form_of_the_steps_is_held_to_the_model_too(
    graded: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An LSTM is served by NumPy, not by its graphs."""
    sound = DKT.as_recurrence

    def upside_down(self: DKT) -> dict[str, Tensor]:
        return {name: -array for name, array in sound(self).items()}

    monkeypatch.setattr(DKT, "as_recurrence", upside_down)
    recipe = replace(RECIPE, model="dkt", settings={"embedding_dim": 8, "hidden_dim": 8})
    with pytest.raises(TrainingError, match="Steps and model differ by more than"):
        train(graded, recipe, tmp_path / "run", reporter=SilentReporter())
