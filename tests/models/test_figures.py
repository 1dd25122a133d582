"""Each model's first figures, worked out by hand."""

import math

import pytest
import torch
from contract.answers import answers_of, batch_of, one_answer, one_asked

from knowtrace.domain import UNSEEN
from knowtrace.models import Sizes, build_model

SIZES = Sizes(num_items=4, num_skills=5, num_categories=2)
COUNTS = torch.tensor([[0.0, 0], [0, 0], [6, 2], [1, 3]])
"""Padding, unseen, item 2 (2 of 8 right), item 3 (3 of 4 right); smoothed shares of all: 8/14 and 6/14."""


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_item_mean_predicts_shrunken_shares() -> None:
    model = build_model("item-mean", SIZES, {"prior_answers": 7.0})
    model.start_from(answers_of(COUNTS))
    state = model.initial_state()
    right = [model.predict(state, one_asked(item))[0, 0, 1].item() for item in (2, 3, UNSEEN)]
    # Prior of 7 answers at 6/14 right: 3. (2 + 3) / (8 + 7), (3 + 3) / (4 + 7), 3 / 7.
    assert right == pytest.approx([5 / 15, 6 / 11, 3 / 7])


def test_elo_moves_by_the_surprise() -> None:
    """Two right answers to an item of threshold 0.5 in skill 3: steps 0.4 / (1 + 0.05 n) for both ratings."""
    model = build_model("elo", SIZES, {"step": 0.4, "decay": 0.05})
    with torch.no_grad():
        model.get_parameter("thresholds.table.weight")[2] = 0.5
        state = model.initial_state()
        overall = skill = 0.0
        for n in range(2):
            p = sigmoid(overall + skill - 0.5)
            assert model.predict(state, one_asked(2, 3))[0, 0, 1].item() == pytest.approx(p, abs=1e-6)
            state = model.observe(state, one_answer(2, (3,), 1))
            overall += (1 - p) * 0.4 / (1 + 0.05 * n)
            skill += (1 - p) * 0.4 / (1 + 0.05 * n)
    # Layout: overall rating, answers, ratings of skills 0-4, answers of skills 0-4; padding is never touched.
    assert state[0].tolist() == pytest.approx([overall, 2, 0, 0, 0, skill, 0, 0, 0, 0, 2, 0], abs=1e-6)
    assert overall == pytest.approx(0.2489837 + 0.1906700, abs=1e-6)


def test_elo_shares_a_two_skill_item_between_its_skills() -> None:
    model = build_model("elo", SIZES, {"step": 0.4, "decay": 0.05})
    with torch.no_grad():
        state = model.observe(model.initial_state(), one_answer(2, (2, 4), 0))
        # Nothing is known of the item: p = 1/2, the answer was wrong, every rating falls by 0.2.
        assert state[0, :7].tolist() == pytest.approx([-0.2, 1, 0, 0, -0.2, 0, -0.2])
        # Overall -0.2, mean of skill ratings (-0.2 + 0) / 2.
        p = model.predict(state, one_asked(3, 2, 3))[0, 0, 1].item()
    assert p == pytest.approx(sigmoid(-0.3), abs=1e-6)


def test_best_lr_counts_right_and_wrong_per_skill() -> None:
    """Right on skills 2 and 4, wrong on skill 2, right on skill 3."""
    model = build_model("best-lr", SIZES)
    with torch.no_grad():
        state = model.initial_state()
        state = model.observe(state, one_answer(2, (2, 4), 1))
        state = model.observe(state, one_answer(3, (2,), 0))
        state = model.observe(state, one_answer(3, (3,), 1))
        overall, right, wrong = state[0, :2], state[0, 2:7], state[0, 7:]
        assert overall.tolist() == [2, 1]
        assert right[2:].tolist() == [1, 1, 1]
        assert wrong[2:].tolist() == [1, 0, 0]
        # 0.1 log 3 - 0.1 log 2, and the mean over skills 2 and 4 of 0.3 log(1 + right) - 0.3 log(1 + wrong).
        score = 0.1 * math.log(3) - 0.1 * math.log(2) + (0 + 0.3 * math.log(2)) / 2
        assert model.predict(state, one_asked(2, 2, 4))[0, 0, 1].item() == pytest.approx(
            sigmoid(score), abs=1e-6
        )


def test_best_lr_counts_a_graded_answer_by_its_credit() -> None:
    model = build_model("best-lr", Sizes(num_items=4, num_skills=5, num_categories=5))
    with torch.no_grad():
        state = model.observe(model.initial_state(), one_answer(2, (2,), 3))
    assert state[0, :2].tolist() == [0.75, 0.25]


@pytest.mark.parametrize("name", ["elo", "best-lr", "dkt", "item-mean"])
def test_models_run_where_the_data_are(name: str) -> None:
    """Only tensors made without the data's device land on meta here, as they would beside a GPU: those fail."""
    model = build_model(name, SIZES)
    ones = torch.ones(2, 3, dtype=torch.long)
    batch = batch_of(ones, ones.unsqueeze(-1).expand(2, 3, 2), ones)
    with torch.device("meta"):
        logits = model(batch)
    assert logits.shape == (2, 3, 2)
    assert logits.device == ones.device
