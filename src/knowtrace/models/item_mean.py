"""The item mean: every student is expected to answer as past students did. What any model must beat.

Unusual here:
- nothing is learnt by gradient; the table is read off the training counts
- it keeps no state of a student, so its state vector is empty
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.layers import PRIOR_ANSWERS, category_logits, starting_thresholds
from knowtrace.models.ranges import check_ranges


@dataclass(frozen=True, kw_only=True)
class ItemMeanConfig:
    """`prior_answers`: how many answers the mean of all items weighs against an item's own."""

    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(self, prior_answers=PRIOR_ANSWERS)


class ItemMean(ResponseModel):
    def __init__(self, config: ItemMeanConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.thresholds: Tensor
        self.register_buffer("thresholds", torch.zeros(sizes.num_items, sizes.num_categories - 1))

    def start_from(self, answers: TrainingAnswers) -> None:
        start, shift = starting_thresholds(answers, prior_answers=self.config.prior_answers)
        self.thresholds = start if shift is None else start + shift

    def forward(self, batch: Batch) -> Tensor:
        return self._logits(batch.items)

    def num_learnt(self) -> int:
        return self.thresholds.numel()

    def initial_state(self, num_students: int = 1) -> Tensor:
        return torch.zeros(num_students, 0)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return state

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        return self._logits(asked.items).softmax(-1)

    def _logits(self, items: Tensor) -> Tensor:
        thresholds = nn.functional.embedding(items, self.thresholds)  # (..., K-1)
        return category_logits(torch.zeros_like(thresholds[..., 0]), thresholds)
