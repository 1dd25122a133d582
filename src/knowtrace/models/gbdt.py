"""Gradient-boosted trees on item statistics and running counts (Ke et al., 2017, LightGBM).

The strongest of the simple models on tables of such features. The trees see no item as such, only what training answers
without the student's own group say of it, where it stands among its neighbours, and its first skill.

Unusual here:
- all is learnt before any gradient step; the training loop only validates
- the trees become arrays, so a step graph walks them without LightGBM
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.evidence import Evidence, Known
from knowtrace.models.ranges import check_ranges
from knowtrace.models.trees import Trees, grow

MOST_ROWS = 2_000_000

STEP = 2.0**-10
"""Features are rounded to multiples of it."""


@dataclass(frozen=True, kw_only=True)
class GBDTConfig:
    """How many trees (for each category but one, beyond two categories for each), their leaves, the answers a leaf
    needs, and the step of each tree."""

    num_trees: int = 300
    num_leaves: int = 63
    leaf_answers: int = 200
    learning_rate: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            num_trees=(1, 10_000),
            num_leaves=(2, 1_024),
            leaf_answers=(1, 10**9),
            learning_rate=(1e-4, 1),
            seed=(0, 2**31 - 1),
        )


class GBDT(ResponseModel):
    """State: the running sums."""

    def __init__(self, config: GBDTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.evidence = Evidence(sizes)
        num_outputs = 1 if sizes.num_categories == 2 else sizes.num_categories
        self.trees = Trees(config.num_trees, config.num_leaves, num_outputs)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.evidence.start_from(answers)
        rows: list[NDArray[np.float32]] = []
        labels: list[NDArray[np.int64]] = []
        for batch in answers.batches():
            observed = self.evidence.of_batch(batch, batch.items)
            # First answers are never scored, and nothing but the item speaks there.
            scored = batch.targets.clone()
            scored[:, 0] = False
            rows.append(_rows(observed.before, batch.skills)[scored].numpy())
            labels.append(batch.responses[scored].numpy())
        if any(len(some) for some in labels):
            self._grow(np.concatenate(rows), np.concatenate(labels))

    def num_learnt(self) -> int:
        return self.trees.num_learnt()

    def forward(self, batch: Batch) -> Tensor:
        before = self.evidence.of_batch(batch, batch.items).before
        return self._logits(_rows(before, batch.skills), before.thresholds)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return torch.zeros(num_students, self.evidence.state_size)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return self.evidence.observe(state, answer)[1]

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        before = self.evidence.of_asked(state.unsqueeze(1), asked)
        return self._logits(_rows(before, asked.skills), before.thresholds).softmax(-1)

    def _grow(self, rows: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        thinned = slice(None, None, -(-len(rows) // MOST_ROWS))
        objective: dict[str, Any] = {"objective": "binary"}
        if self.sizes.num_categories > 2:
            objective = {"objective": "multiclass", "num_class": self.sizes.num_categories}
        parameters = {
            **objective,
            "learning_rate": self.config.learning_rate,
            "num_leaves": self.config.num_leaves,
            "min_data_in_leaf": self.config.leaf_answers,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "boost_from_average": False,
            "seed": self.config.seed,
        }
        self.trees.take(grow(rows[thinned], labels[thinned], parameters, self.config.num_trees))

    def _logits(self, rows: Tensor, thresholds: Tensor) -> Tensor:
        scores = self.trees(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
        return F.pad(scores, (1, 0)) if self.sizes.num_categories == 2 else scores


def _rows(before: Known, skills: Tensor) -> Tensor:
    """Return what the trees see, (..., NUM_KNOWN + 2)."""
    place = torch.cat([before.positions, skills[..., :1].to(before.positions.dtype)], dim=-1)
    # In whole steps, no split falls between two values that differ by rounding alone: a step graph that computes a
    # number in another order must take the same branch.
    return torch.cat([(before.known / STEP).round() * STEP, place], dim=-1)
