"""Models learn what is there and nothing else: true answers against answers shuffled over all students."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from knowtrace.domain import metrics
from knowtrace.evaluation import Estimate, bootstrap
from knowtrace.models import MODELS, Sizes, build_model, usual_training
from knowtrace.sources import Dataset, SimulationConfig, simulate
from knowtrace.training import (
    TrainingConfig,
    build_vocabulary,
    encode,
    fit,
    predict_all,
    scored_answers,
    split_students,
)
from knowtrace.training.persons import group_students
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare
from training.histories import Quiet

NARROW = {
    "dkt-transformer": {"width": 32, "layers": 1, "dropout": 0.1},
    "dkt": {"embedding_dim": 16, "hidden_dim": 16, "dropout": 0.2},
}
EPOCHS = 8
TRUE, SHUFFLED = "true", "shuffled"


def shuffled(dataset: Dataset) -> Dataset:
    """Return the dataset with its responses permuted over all answers of all students."""
    rng = np.random.default_rng(0)
    responses = iter(
        rng.permutation([a.response for history in dataset.students.values() for a in history]).tolist()
    )
    students = {
        student_id: [dataclasses.replace(answer, response=next(responses)) for answer in history]
        for student_id, history in dataset.students.items()
    }
    return dataclasses.replace(dataset, students=students, oracle=None)


@pytest.fixture(scope="module")
def datasets() -> dict[str, Dataset]:
    config = SimulationConfig(num_students=300, num_answers=50, num_items=50, num_skills=5)
    dataset = simulate(config, seed=11).dataset
    return {TRUE: dataset, SHUFFLED: shuffled(dataset)}


@dataclasses.dataclass(frozen=True)
class Outcome:
    auc: Estimate
    nll: float


def scored_truth(dataset: Dataset) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the true probabilities and the responses of the scored answers of the test part."""
    assert dataset.oracle is not None
    tested = split_students(dataset).test
    probabilities = np.concatenate([dataset.oracle[student_id][1:] for student_id in tested])
    return probabilities, np.array([a.response for s in tested for a in dataset.students[s][1:]])


Outcomes = Callable[[str, str], "Outcome"]


@pytest.fixture(scope="module")
def outcomes(datasets: dict[str, Dataset], tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What a model reaches on true or on shuffled answers; each is trained when it is first asked for."""
    folder = tmp_path_factory.mktemp("fits")
    return functools.cache(
        lambda name, kind: outcome(name, datasets[kind], folder / f"{name}-{kind}.safetensors")
    )


def each(names: Iterable[str]) -> list[Any]:
    """Return names as parameters whose tests stay together, so that each model is trained by one worker."""
    return [pytest.param(name, marks=pytest.mark.xdist_group(f"learning {name}")) for name in names]


def outcome(name: str, dataset: Dataset, checkpoint: Path) -> Outcome:
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    groups = group_students(split.train, (), seed=0)
    train, valid, test = (
        encode(dataset, part, vocabulary, groups=groups) for part in (split.train, split.valid, split.test)
    )
    usual = {"learning_rate": 0.01} | usual_training(name)
    settings = usual | {"epochs": min(usual.get("epochs", EPOCHS), EPOCHS), "batch_answers": 1024}
    torch.manual_seed(0)
    model = build_model(name, sizes_of(vocabulary), NARROW.get(name))
    prepare(model, vocabulary, train)
    result = fit(model, train, valid, TrainingConfig(**settings), reporter=Quiet(), checkpoint=checkpoint)
    probabilities, responses, _ = predict_all(result.model, test)
    scored = scored_answers(test)
    owners = np.repeat(np.arange(len(test.student_ids)), test.lengths)[scored]
    rng = np.random.default_rng(0)
    auc = bootstrap(
        {"auc": metrics.auc}, probabilities[scored], responses[scored], owners, resamples=200, rng=rng
    )
    return Outcome(auc["auc"], metrics.nll(probabilities[scored], responses[scored]))


@pytest.mark.parametrize("name", each(MODELS))
def test_nothing_is_learnt_from_shuffled_answers(name: str, outcomes: Outcomes) -> None:
    auc = outcomes(name, SHUFFLED).auc
    assert auc.low <= 0.5 <= auc.high


SMALL = Sizes(num_items=4, num_skills=4, num_categories=2)
SKILL_LEVEL = [name for name in MODELS if not build_model(name, SMALL).reads_items]
"""They tell items apart by their skills alone; here half of what can be known is the item's difficulty."""


@pytest.mark.parametrize("name", each(SKILL_LEVEL))
def test_models_of_skills_alone_learn_something(name: str, outcomes: Outcomes) -> None:
    assert outcomes(name, TRUE).auc.low > 0.55


@pytest.mark.parametrize("name", each(n for n in MODELS if n not in ["item-mean", *SKILL_LEVEL]))
def test_models_stand_between_the_item_mean_and_the_oracle(
    name: str, outcomes: Outcomes, datasets: dict[str, Dataset]
) -> None:
    found, mean = outcomes(name, TRUE), outcomes("item-mean", TRUE)
    assert found.auc.value > mean.auc.value
    oracle = metrics.nll(*scored_truth(datasets[TRUE]))
    share = (mean.nll - found.nll) / (mean.nll - oracle)
    assert 0 < share <= 1
