"""Trees as arrays say what LightGBM says, and the model learns what the data hold."""

import lightgbm
import numpy as np
import pytest
import torch
from contract.answers import answers_of, learnable_batch

from knowtrace.models import Sizes, build_model
from knowtrace.models.trees import Trees, grow


@pytest.mark.parametrize("num_outputs", [1, 3])
def test_arrays_say_what_lightgbm_says(num_outputs: int) -> None:
    """On rows of whole sixteenths, many of which stand exactly beside a threshold."""
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(600, 5)) * 16).round().astype(np.float32) / 16
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0).astype(int) + (rows[:, 3] > 0.5) * (num_outputs > 1)
    objective = {"objective": "binary"} if num_outputs == 1 else {"objective": "multiclass", "num_class": 3}
    booster = grow(rows, labels, objective | {"num_leaves": 15, "boost_from_average": False}, 20)
    trees = Trees(20, 15, num_outputs)
    trees.take(booster)
    expected = np.asarray(booster.predict(rows, raw_score=True)).reshape(600, num_outputs)
    np.testing.assert_allclose(trees(torch.from_numpy(rows)).numpy(), expected, atol=1e-5)
    leaves = [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]
    assert trees.num_learnt() == sum(2 * n - 1 for n in leaves if n > 1) > 0


def test_no_trees_say_zero() -> None:
    assert (Trees(7, 4, 2)(torch.randn(3, 5)) == 0).all()
    assert Trees(7, 4, 2).num_learnt() == 0


def test_a_booster_that_stops_early_leaves_the_other_trees_at_zero() -> None:
    rows = np.zeros((50, 2), dtype=np.float32)
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1}, lightgbm.Dataset(rows, np.arange(50) % 2), 5
    )
    trees = Trees(5, 4, 1)
    trees.take(booster)
    assert torch.isfinite(trees(torch.zeros(2, 2))).all()


def test_a_blend_counts_what_its_trees_have_learnt() -> None:
    sizes = Sizes(num_items=12, num_skills=6, num_categories=2)
    trees = {"name": "gbdt", "settings": {"leaf_answers": 3, "num_trees": 5}}
    batch = learnable_batch(sizes)
    answers = answers_of(torch.ones(sizes.num_items, 2), [batch])
    alone = build_model("gbdt", sizes, trees["settings"])
    blend = build_model("blend", sizes, {"members": [trees, {"name": "dkt", "settings": {}}]})
    for model in (alone, blend):
        model.start_from(answers)
    weights = sum(p.numel() for p in blend.parameters())
    assert blend.num_learnt() == weights + alone.num_learnt() > weights
