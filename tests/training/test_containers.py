"""Answers given together never predict one another, neither in training nor in evaluation (ADR-0006)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from knowtrace.domain import Interaction
from knowtrace.evaluation import bootstrap
from knowtrace.models import build_model
from knowtrace.sources import Dataset
from knowtrace.training import (
    TrainingConfig,
    build_vocabulary,
    encode,
    fit,
    metrics,
    predict_all,
    scored_answers,
    split_students,
)
from knowtrace.training.persons import group_students
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare
from training.histories import Quiet

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
SETTINGS = {
    "item-mean": {},
    "best-lr": {},
    "dkt": {"embedding_dim": 8, "hidden_dim": 8, "dropout": 0.0},
    "gbdt": {"num_trees": 30, "num_leaves": 7, "leaf_answers": 20},
}


def coin_tosses(*, num_students: int = 120, num_containers: int = 6, size: int = 6) -> Dataset:
    """Return students whose answers of one container are all right or all wrong, as a coin falls.

    A container's answers have one time, an hour after those of the last, and took a minute each.
    """
    rng = np.random.default_rng(5)
    students: dict[str, list[Interaction]] = {}
    for n in range(num_students):
        history: list[Interaction] = []
        for c in range(num_containers):
            coin = int(rng.integers(2))
            at = START + timedelta(hours=c)
            for item in rng.permutation(20)[:size].tolist():
                history.append(
                    Interaction(
                        student_id=f"s{n}",
                        item_id=f"i{item}",
                        skill_ids=(f"k{item % 3}",),
                        response=coin,
                        answered_at=at,
                        elapsed_seconds=60.0,
                        container_id=str(c),
                    )
                )
        students[f"s{n}"] = history
    return Dataset(name="coins", format="test", students=students, num_categories=2)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_coin_that_answers_given_together_share_is_not_foreseen(name: str, tmp_path: Path) -> None:
    """Each answer of a container tells all others: a model that sees one of them is nearly always right."""
    dataset = coin_tosses()
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    groups = group_students(split.train, (), seed=0)
    learnt = encode(dataset, split.train, vocabulary, groups=groups)
    valid, test = (encode(dataset, part, vocabulary) for part in (split.valid, split.test))
    torch.manual_seed(0)
    model = build_model(name, sizes_of(vocabulary), SETTINGS[name])
    prepare(model, vocabulary, learnt)
    config = TrainingConfig(epochs=6, batch_answers=512, learning_rate=0.02)
    model = fit(model, learnt, valid, config, reporter=Quiet(), checkpoint=tmp_path / "c").model
    probabilities, responses, _ = predict_all(model, test)
    scored = scored_answers(test)
    owners = np.repeat(np.arange(len(test.student_ids)), test.lengths)[scored]
    rng = np.random.default_rng(0)
    auc = bootstrap(
        {"auc": metrics.auc}, probabilities[scored], responses[scored], owners, resamples=200, rng=rng
    )["auc"]
    assert auc.low <= 0.5 <= auc.high
