"""Answers given together never foretell one another: neither in what is learnt nor in what is scored (ADR-0006)."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.evaluation import bootstrap
from knowtrace.models import Sizes, build_model, gbdt, item_statistics
from knowtrace.models.multi_task import MultiTask
from knowtrace.sources import SimulationConfig, simulate, training_obstacles
from knowtrace.training import (
    TrainingConfig,
    build_vocabulary,
    encode,
    fingerprint,
    fit,
    notes_on_containers,
    predict_all,
    scored_answers,
    split_students,
)
from knowtrace.training.persons import group_students
from knowtrace.training.sequences import sizes_of, training_answers
from knowtrace.training.train import prepare
from training.histories import Quiet, coin_tosses, given_in

SMALL = Sizes(num_items=12, num_skills=6, num_categories=2)
SETTINGS = {
    "item-mean": {},
    "best-lr": {},
    "dkt": {"embedding_dim": 8, "hidden_dim": 8, "dropout": 0.0},
    "gbdt": {"num_trees": 30, "num_leaves": 7, "leaf_answers": 20},
}


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


def test_data_without_containers_are_learnt_as_those_whose_answers_stand_alone(tmp_path: Path) -> None:
    """To the bit: no random number is drawn for containers of one."""
    plain = simulate(SimulationConfig(num_students=20, num_answers=12, num_items=8, num_skills=2), 1).dataset
    alone = replace(
        plain,
        students={
            s: [replace(a, container_id=str(n)) for n, a in enumerate(history)]
            for s, history in plain.students.items()
        },
    )
    found = []
    for number, dataset in enumerate((plain, alone)):
        students = list(dataset.students)
        vocabulary = build_vocabulary(dataset, students[:14])
        learnt, valid = (encode(dataset, part, vocabulary) for part in (students[:14], students[14:]))
        assert notes_on_containers(valid) == []
        torch.manual_seed(0)
        model = build_model("dkt", sizes_of(vocabulary), SETTINGS["dkt"])
        prepare(model, vocabulary, learnt)
        config = TrainingConfig(epochs=2, batch_answers=64)
        result = fit(model, learnt, valid, config, reporter=Quiet(), checkpoint=tmp_path / str(number))
        weights = {name: w.numpy().tobytes() for name, w in result.model.state_dict().items()}
        found.append((weights, predict_all(result.model, valid)[0].tobytes()))
    assert found[0] == found[1]
    assert fingerprint(plain) != fingerprint(alone)


def test_each_epoch_learns_from_other_answers_of_a_container(tmp_path: Path) -> None:
    """Nothing comes after the one container of each student, so its items are learnt of only where they are targets."""
    sequences = given_in([[1, 5]] * 60)
    sequences = replace(sequences, items=np.tile([2, 3, 4, 5, 6, 7], 60))
    torch.manual_seed(0)
    model = build_model("elo", SMALL)
    before = model.get_parameter("thresholds.table.weight").detach().clone()
    config = TrainingConfig(epochs=8, patience=8, table_decay=0, learning_rate=0.05)
    fit(model, sequences, given_in([[1, 1]] * 4), config, reporter=Quiet(), checkpoint=tmp_path / "c")
    moved = (model.get_parameter("thresholds.table.weight") - before).abs().squeeze(1)
    assert moved.gt(0).tolist() == [*[False] * 2, *[True] * 6, *[False] * 4]


@pytest.mark.parametrize("name", ["bayesian-gpcm", "dkt", "elo"])
def test_only_the_first_of_a_container_is_learnt_to_be_foretold(name: str) -> None:
    """The last container's other answers, after which nothing comes, are in no loss; its first is."""
    sequences = given_in([[1, 2, 3]], seed=2)
    torch.manual_seed(0)
    model = build_model(name, SMALL).eval()

    def loss_with(changed: slice) -> float:
        responses = sequences.responses.copy()
        responses[changed] = 1 - responses[changed]
        return float(model.loss(replace(sequences, responses=responses).batch([0])).detach())

    before = loss_with(slice(0, 0))
    assert loss_with(slice(4, 6)) == before
    assert loss_with(slice(3, 4)) != before


def test_the_heads_of_the_future_are_learnt_at_targets_alone() -> None:
    batch = given_in([[1, 2, 3, 1, 1, 4, 5, 1, 1]]).batch([0])
    model = cast(MultiTask, build_model("multi-task", SMALL, {"reach": 2}))
    model.is_known.fill_(True)
    for _, defined in model.targets(batch).values():
        assert defined.any()
        assert not (defined & ~batch.targets).any()


def test_trees_are_grown_on_targets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nine containers each of forty students nine are rows for expectations, eight for trees: not the first."""
    grown: dict[str, int] = {}
    grow_expectations, grow = item_statistics.grow_expectations, gbdt.grow

    def expected(rows: Any, *rest: Any) -> Any:
        grown["expectation"] = len(rows)
        return grow_expectations(rows, *rest)

    def of_trees(rows: Any, *rest: Any) -> Any:
        grown["trees"] = len(rows)
        return grow(rows, *rest)

    monkeypatch.setattr(item_statistics, "grow_expectations", expected)
    monkeypatch.setattr(gbdt, "grow", of_trees)
    dataset = coin_tosses(num_students=40, num_containers=9, size=3)
    vocabulary = build_vocabulary(dataset, dataset.students)
    learnt = encode(
        dataset, list(dataset.students), vocabulary, groups=group_students(dataset.students, (), seed=0)
    )
    prepare(build_model("gbdt", sizes_of(vocabulary), SETTINGS["gbdt"]), vocabulary, learnt)
    assert grown == {"expectation": 40 * 9, "trees": 40 * 8}


def test_each_answer_is_read_once_and_any_place_of_a_container_is_a_target() -> None:
    dataset = coin_tosses(num_students=40, num_containers=9, size=3)
    vocabulary = build_vocabulary(dataset, dataset.students)
    learnt = encode(dataset, list(dataset.students), vocabulary)
    answers = training_answers(vocabulary, learnt)
    read = torch.cat([batch.items[batch.valid] for batch in answers.batches()])
    assert read.bincount().tolist() == np.bincount(learnt.items).tolist()
    targets = torch.cat([batch.items[batch.targets] for batch in answers.batches()]).numpy()
    by_place = learnt.items.reshape(40, 9, 3)
    assert (targets.reshape(40, 9)[:, 1] == by_place[:, 1, 1]).all()
    assert (targets.reshape(40, 9)[:, 2] == by_place[:, 2, 2]).all()


def test_students_who_gave_all_answers_together_cannot_be_learnt_from(tmp_path: Path) -> None:
    dataset = coin_tosses(num_students=9, num_containers=1)
    assert "None of the 9 students has a second answer" in training_obstacles(dataset)[0]
    model = build_model("elo", SMALL)
    with pytest.raises(TrainingError, match="and what was given together with it, never is"):
        fit(
            model,
            given_in([[2, 2]]),
            given_in([[3]]),
            TrainingConfig(),
            reporter=Quiet(),
            checkpoint=tmp_path / "c",
        )
