"""The heads' targets by hand, and that each head beats the best constant on students it has not seen."""

import math

import numpy as np
import pytest
import torch
from contract.answers import answers_of, batch_of
from torch import Tensor

from knowtrace.models import Batch, Sizes, build_model
from knowtrace.models.multi_task import MultiTask
from knowtrace.sources import SimulationConfig, simulate
from knowtrace.training import build_vocabulary, encode, split_students
from knowtrace.training.batches import bucket
from knowtrace.training.sequences import sizes_of
from knowtrace.training.train import prepare
from models.test_dkt import random_histories

SIZES = Sizes(num_items=40, num_skills=9, num_categories=3)


def multi_task(sizes: Sizes, **settings: float) -> MultiTask:
    model = build_model("multi-task", sizes, settings)
    assert isinstance(model, MultiTask)
    return model


def test_targets_by_hand() -> None:
    """Two students of K = 3, reach 2, help below 0.4; credits 0 0.5 1 1 0 and 1 0 0 with two steps of padding."""
    model = multi_task(SIZES, reach=2)
    responses = torch.tensor([[0, 1, 2, 2, 0], [2, 0, 0, 0, 0]])
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    ones = torch.ones_like(responses).where(valid, 0)
    targets = model.targets(batch_of(ones, ones.unsqueeze(-1), responses, valid))
    change, is_change = targets["trajectory"]
    # Step 2: (1 + 1) / 2 - (0 + 0.5) / 2; step 3: (1 + 0) / 2 - (0.5 + 1) / 2.
    assert is_change.tolist() == [[False, False, True, True, False], [False] * 5]
    assert change[0, 2:4].tolist() == pytest.approx([0.75, -0.25])
    needed, is_needed = targets["intervention"]
    assert is_needed.tolist() == [[True] * 4 + [False], [True, True, False, False, False]]
    assert needed[0, :4].tolist() == [1, 0, 0, 0]  # means 0.25, 0.75, 1, 0.5
    assert needed[1, :2].tolist() == [0, 1]  # means 0.5, 0


def test_difficulty_is_minus_the_logit_of_the_mean_credit() -> None:
    """Counts 1, 2, 5 of credits 0, 0.5, 1 and next to no prior: mean credit 6/8; unanswered items are left out."""
    model = multi_task(Sizes(num_items=4, num_skills=5, num_categories=3), prior_answers=1e-3)
    model.start_from(answers_of(torch.tensor([[0.0, 0, 0], [0, 0, 0], [1, 2, 5], [0, 0, 0]])))
    items = torch.tensor([[2, 3]])
    target, defined = model.targets(batch_of(items, items.unsqueeze(-1), torch.zeros_like(items)))[
        "difficulty"
    ]
    assert target[0, 0].item() == pytest.approx(-math.log(3), abs=2e-3)
    assert defined.tolist() == [[True, False]]


def test_heads_of_a_live_state_are_those_of_all_steps() -> None:
    torch.manual_seed(0)
    model = multi_task(SIZES).eval()
    batch = random_histories(3, 8, seed=1)
    with torch.no_grad():
        together = model.auxiliary(batch)
        state = model.initial_state(3)
        for t in range(batch.items.shape[1]):
            stepped = model.outlook(state, batch.asked_at(t))
            real = batch.valid[:, t]
            for name, values in together.items():
                torch.testing.assert_close(stepped[name][real, 0], values[real, t])
            state = model.observe(state, batch.answer_at(t))


def test_heads_do_not_see_the_answers_they_foretell() -> None:
    torch.manual_seed(0)
    model = multi_task(SIZES).eval()
    batch = random_histories(3, 8, seed=1)
    with torch.no_grad():
        before = model.auxiliary(batch)
        batch.responses[:, 4:] = (batch.responses[:, 4:] + 1) % 3
        after = model.auxiliary(batch)
    for name, values in before.items():
        torch.testing.assert_close(after[name][:, :5], values[:, :5])


@pytest.fixture(scope="module")
def held_out() -> tuple[MultiTask, Batch, Batch]:
    """A briefly trained model, all answers it learnt from, and those of students it has not seen."""
    config = SimulationConfig(num_students=400, num_answers=40, num_items=30, num_skills=3, num_categories=4)
    dataset = simulate(config, seed=5).dataset
    split = split_students(dataset)
    vocabulary = build_vocabulary(dataset, split.train)
    train, test = (encode(dataset, part, vocabulary) for part in (split.train, split.test))
    torch.manual_seed(0)
    model = multi_task(sizes_of(vocabulary), hidden_dim=32, item_dim=16, dropout=0.1)
    prepare(model, vocabulary, train)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    rng = np.random.default_rng(0)
    model.train()
    for _ in range(6):
        for students in bucket(train, batch_answers=1024, rng=rng):
            optimizer.zero_grad()
            model.loss(train.batch(students)).backward()
            optimizer.step()
    whole = [part.batch(np.arange(len(part.student_ids))) for part in (train, test)]
    return model.eval(), whole[0], whole[1]


def binary_loss(probability: Tensor, target: Tensor) -> float:
    return float(torch.nn.functional.binary_cross_entropy(probability, target))


@pytest.mark.parametrize("head", ["difficulty", "trajectory", "intervention"])
def test_each_head_beats_the_best_constant_on_unseen_students(
    head: str, held_out: tuple[MultiTask, Batch, Batch]
) -> None:
    """The constant is the mean of the training targets, the best there is for either loss."""
    model, train, test = held_out
    learnt, is_learnt = model.targets(train)[head]
    target, defined = model.targets(test)[head]
    with torch.no_grad():
        said = model.auxiliary(test)[head][defined]
    target, constant = target[defined], learnt[is_learnt].mean().expand(int(defined.sum()))
    if head == "intervention":
        assert binary_loss(said.sigmoid(), target) < 0.98 * binary_loss(constant, target)
    else:
        assert (said - target).square().mean() < 0.95 * (constant - target).square().mean()
