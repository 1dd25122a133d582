"""SAKT: the asked item attends to past answers (Pandey and Karypis, 2019, arXiv:1907.06837).

One layer stands between an answer and a prediction, so its weights say which past answers the prediction rests on:
`influences` gives them, `top_influences` in `attention.py` the heaviest.

Unusual here:
- a query sees the last `window` answers, and knows their place by distance, not by a position in a sequence
- an item is its own vector plus the mean of its skills' vectors; its thresholds start at training means
- in training a share of items is hidden, which teaches what to expect of an item never seen
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from knowtrace.models.attention import AttentionLayer, LinearDecay
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_vectors import AnswerVectors, ItemVectors, Outcome
from knowtrace.models.layers import PRIOR_ANSWERS, Dropout, ItemThresholds, hide_items
from knowtrace.models.ranges import check_ranges
from knowtrace.models.rings import ATTENTION_RANGES, Rings, check_rings


@dataclass(frozen=True, kw_only=True)
class SAKTConfig:
    """Width of all vectors, attention heads, answers seen; dropout, share of hidden items, shrinkage of item means."""

    width: int = 128
    heads: int = 4
    window: int = 100
    dropout: float = 0.3
    hidden_items: float = 0.1
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            **ATTENTION_RANGES,
            dropout=(0, 1),
            hidden_items=(0, 1),
            prior_answers=PRIOR_ANSWERS,
        )
        check_rings(self, num_rings=1)


class SAKT(ResponseModel):
    """State (1 + 2 * window * width): answers held, then their keys and values."""

    def __init__(self, config: SAKTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width = config.width
        self.vectors = ItemVectors(sizes, width)
        self.answers = AnswerVectors(sizes, width)
        self.layer = AttentionLayer(config, sees_itself=False, decay=LinearDecay)
        self.outcome = Outcome(sizes, width)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.dropout = Dropout(config.dropout)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        vectors = self.vectors(items, batch.skills)  # (B, T, E)
        past = self.answers(self.dropout(vectors), batch.responses)
        known = self.layer(vectors, past, past)
        return self.outcome(self.dropout(known), vectors, self.thresholds(items), batch.skills)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.vectors.common.new_zeros(num_students, 1 + 2 * self.config.window * self.config.width)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        vectors = self.vectors(answer.items, answer.skills).unsqueeze(1)
        past = self.answers(vectors, answer.responses.unsqueeze(1))  # (B, 1, E)
        return Rings.of(state, self.config).push(self.layer.attention.entry(past, past))

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        rings = Rings.of(state, self.config)
        vectors = self.vectors(asked.items, asked.skills)  # (B, N, E)
        known = self.layer.attend(vectors, rings.layers[0], rings.held)
        return self.outcome(known, vectors, self.thresholds(asked.items), asked.skills).softmax(-1)

    def attention_weights(self, batch: Batch) -> Tensor:
        """Return what each head reads for each prediction, (B, T, heads, W): place W - d is d answers before.

        The weights of a head sum to 1 over the answers before step t; at a student's first step all are 0.
        """
        vectors = self.vectors(batch.items, batch.skills)
        past = self.answers(vectors, batch.responses)
        return self.layer.attention.weights(vectors, past)

    def influences(self, batch: Batch) -> Tensor:
        """Return how much each past answer weighs in each prediction, (B, T, W), the mean over heads.

        Place W - d is d answers before; weights sum to 1 over the answers before step t. They say where the
        prediction looked, not what would happen had the answer been another (Jain and Wallace, 2019).
        """
        with torch.no_grad():
            return self.attention_weights(batch).mean(2)
