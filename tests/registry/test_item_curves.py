"""The curves of items that a run keeps, from the model that has them to whoever reads the run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SilentReporter
from safetensors.numpy import load_file, save_file

from knowtrace.domain import FIRST_KNOWN, ItemCurve
from knowtrace.errors import RunError
from knowtrace.registry import Run, seal_run
from knowtrace.sources import Dataset
from knowtrace.training import Recipe, TrainingConfig, load_model, train
from knowtrace.training.sequences import item_skills


@pytest.fixture(scope="module")
def curved(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = Recipe(model="wd-irt", training=TrainingConfig(epochs=1, batch_answers=1024))
    return train(
        small_dataset, recipe, tmp_path_factory.mktemp("runs") / "curved", reporter=SilentReporter()
    ).path


def test_a_run_keeps_the_curve_that_its_model_has_of_each_item(curved: Path) -> None:
    run = Run.open(curved)
    model, vocabulary = load_model(run)
    expected = model.item_curves(item_skills(vocabulary))
    assert expected is not None
    assert list(run.item_curves) == [item.item_id for item in vocabulary.items]
    for place, curve in enumerate(run.item_curves.values(), FIRST_KNOWN):
        assert curve == ItemCurve(**{name: values[place].item() for name, values in expected.items()})
    assert len({curve.discrimination for curve in run.item_curves.values()}) > 1


def test_a_model_without_curves_leaves_none(opened_run: Run) -> None:
    assert opened_run.item_curves == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("item_guessing"),
        lambda arrays: arrays.update(item_difficulty=arrays["item_difficulty"][:-1]),
        lambda arrays: arrays.update(item_discrimination=-arrays["item_discrimination"]),
        lambda arrays: arrays.update(item_guessing=np.ones_like(arrays["item_guessing"])),
    ],
)
def test_curves_that_are_none_are_refused(
    curved: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    copy = Path(shutil.copytree(curved, tmp_path / "run"))
    arrays = load_file(copy / "serving.safetensors")
    change(arrays)
    save_file(arrays, copy / "serving.safetensors")
    with pytest.raises(RunError, match="item curves"):
        _ = seal_run(copy).item_curves
