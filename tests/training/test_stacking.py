"""Runs blended into one run: what it predicts, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.tracing import Tracer
from knowtrace.training import (
    Recipe,
    TrainingConfig,
    load_model,
    predict_all,
    recipe_of,
    scored_answers,
    train,
)
from knowtrace.training.sequences import encode
from knowtrace.training.stacking import stack_runs
from knowtrace.training.train import split_of
from training.histories import Quiet


@pytest.fixture(scope="module")
def members(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    folder = tmp_path_factory.mktemp("members")
    return [
        train(
            small_dataset,
            Recipe(model=name, training=TrainingConfig(epochs=2)),
            folder / name,
            reporter=Quiet(),
        )
        for name in ("best-lr", "elo", "item-mean")
    ]


def valid_nll(run: Run, dataset: Dataset) -> float:
    model, vocabulary = load_model(run)
    valid = encode(dataset, split_of(dataset, recipe_of(run)).valid, vocabulary)
    probabilities, responses, _ = predict_all(model, valid)
    scored = scored_answers(valid)
    return metrics.nll(probabilities[scored], responses[scored])


def test_a_stack_is_no_worse_than_its_members_where_it_was_fitted(
    members: list[Run], small_dataset: Dataset, tmp_path: Path
) -> None:
    stack = stack_runs(members, small_dataset, tmp_path / "stack")
    blended = valid_nll(stack, small_dataset)
    assert blended == pytest.approx(stack.metrics["best"]["valid_nll"], abs=1e-5)
    counts = [run.metrics["num_parameters"] for run in (stack, *members)]
    assert counts[0] == sum(counts[1:]) + len(members) + 1
    assert blended <= min(valid_nll(member, small_dataset) for member in members) + 1e-4


def test_a_stack_is_served_as_any_other_run(
    members: list[Run], small_dataset: Dataset, tmp_path: Path
) -> None:
    """Its live probabilities are those of the members, weighed as its metrics say."""
    stack = stack_runs(members[:2], small_dataset, tmp_path / "stack")
    weights = np.array(stack.metrics["weights"])
    history = next(iter(small_dataset.students.values()))[:20]
    tracers = [Tracer(run) for run in (stack, *members[:2])]
    states = [tracer.replay(history) for tracer in tracers]
    asked = [(item.item_id, ()) for item in stack.vocabulary.items[:5]]
    whole, *parts = (t.probabilities(s, asked) for t, s in zip(tracers, states, strict=True))
    blended = sum(w * np.log(part) for w, part in zip(weights, parts, strict=True))
    bias = load_model(stack)[0].get_parameter("bias").detach().numpy()
    odds = blended[:, 1] - blended[:, 0] + bias[0]
    np.testing.assert_allclose(whole[:, 1], 1 / (1 + np.exp(-odds)), atol=1e-5)


def test_runs_that_do_not_belong_together_are_refused(
    members: list[Run], small_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="at least two runs, not 1"):
        stack_runs(members[:1], small_dataset, tmp_path / "stack")
    other = train(small_dataset, Recipe(model="item-mean", fold=1), tmp_path / "other fold", reporter=Quiet())
    with pytest.raises(TrainingError, match="another split"):
        stack_runs([members[0], other], small_dataset, tmp_path / "stack")
    assert not (tmp_path / "stack").exists()
