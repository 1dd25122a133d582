"""The gate lets a run pass that is as good, and says why another may not."""

from pathlib import Path

import pytest
from training.histories import Quiet

from knowtrace.errors import TrainingError
from knowtrace.evaluation import Limits, gate
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.training import Recipe, train


@pytest.fixture(scope="module")
def item_mean(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        small_dataset, Recipe(model="item-mean"), tmp_path_factory.mktemp("gate") / "run", reporter=Quiet()
    )


def test_a_run_passes_against_itself(item_mean: Run, small_dataset: Dataset) -> None:
    verdict = gate(item_mean, item_mean, small_dataset)
    assert verdict.passed
    assert verdict.reasons == ()
    assert verdict.auc_gained.value == 0


def test_a_better_run_passes_and_a_worse_one_fails_with_reasons(
    item_mean: Run, opened_run: Run, small_dataset: Dataset
) -> None:
    """The fixture's run is an LSTM with a state of its own; the item mean keeps none."""
    generous = Limits(state=1e9)
    assert gate(opened_run, item_mean, small_dataset, limits=generous).auc_gained.value > 0
    verdict = gate(item_mean, opened_run, small_dataset, limits=Limits(auc=0, nll=0, ece=0))
    assert not verdict.passed
    assert any(reason.startswith("AUC") for reason in verdict.reasons)
    assert any(reason.startswith("NLL rises") for reason in verdict.reasons)


def test_a_state_that_grows_too_far_is_a_reason(
    item_mean: Run, opened_run: Run, small_dataset: Dataset
) -> None:
    verdict = gate(opened_run, item_mean, small_dataset)
    assert any("state grows from 0 to" in reason for reason in verdict.reasons)


def test_runs_that_hold_out_other_students_are_not_compared(
    item_mean: Run, small_dataset: Dataset, tmp_path: Path
) -> None:
    other = train(small_dataset, Recipe(model="item-mean", fold=1), tmp_path / "run", reporter=Quiet())
    with pytest.raises(TrainingError, match="hold out different students"):
        gate(other, item_mean, small_dataset)
