"""Deep Knowledge Tracing with a causal transformer over past answers in place of the recurrence (Vaswani et al., 2017).

Each answer is read beside the answers before it; what the last answer has become is what is known of the student,
whichever item is asked next. So `predict` costs what it costs for a recurrence, and only `observe` attends.

Unusual here:
- each layer sees the last `window` answers and itself, and knows their place by distance, not by a position
- an item is its own vector plus the mean of its skills' vectors; its thresholds start at training means
- in training a share of items is hidden, which teaches what to expect of an item never seen
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.models.attention import AttentionLayer, LinearDecay
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_vectors import AnswerVectors, ItemVectors, Outcome
from knowtrace.models.layers import PRIOR_ANSWERS, Dropout, ItemThresholds, hide_items, shift_right
from knowtrace.models.ranges import check_ranges
from knowtrace.models.rings import ATTENTION_RANGES, Rings, check_rings


@dataclass(frozen=True, kw_only=True)
class DKTTransformerConfig:
    """Width of all vectors, attention heads, layers, answers a layer sees; dropout, share of hidden items, shrinkage
    of item means."""

    width: int = 128
    heads: int = 4
    layers: int = 2
    window: int = 100
    dropout: float = 0.3
    hidden_items: float = 0.1
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            **ATTENTION_RANGES,
            layers=(1, 16),
            dropout=(0, 1),
            hidden_items=(0, 1),
            prior_answers=PRIOR_ANSWERS,
        )
        check_rings(self, num_rings=self.layers, others=self.width)


class DKTTransformer(ResponseModel):
    """State (width + 1 + 2 * layers * window * width): the last answer as read, answers held, keys and values."""

    def __init__(self, config: DKTTransformerConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width = config.width
        self.vectors = ItemVectors(sizes, width)
        self.answers = AnswerVectors(sizes, width)
        self.layers = nn.ModuleList(
            AttentionLayer(config, sees_itself=True, decay=LinearDecay) for _ in range(config.layers)
        )
        self.outcome = Outcome(sizes, width)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.dropout = Dropout(config.dropout)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        vectors = self.vectors(items, batch.skills)  # (B, T, E)
        read = self.answers(self.dropout(vectors), batch.responses)
        for layer in self.layers:
            read = layer(read, read, read)
        return self.outcome(self.dropout(shift_right(read)), vectors, self.thresholds(items), batch.skills)

    def initial_state(self, num_students: int = 1) -> Tensor:
        config = self.config
        size = config.width + 1 + 2 * config.layers * config.window * config.width
        return self.vectors.common.new_zeros(num_students, size)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        rings = Rings.of(state[:, self.config.width :], self.config)
        vectors = self.vectors(answer.items, answer.skills).unsqueeze(1)
        read = self.answers(vectors, answer.responses.unsqueeze(1))  # (B, 1, E)
        entries: list[tuple[Tensor, Tensor]] = []
        for layer, ring in zip(self.layers, rings.layers, strict=True):
            entry = layer.attention.entry(read, read)  # pyright: ignore
            entries.append(entry)  # pyright: ignore
            read = layer.attend(read, ring, rings.held, entry)  # pyright: ignore
        return torch.cat([read.squeeze(1), rings.push(*entries)], dim=1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        known = state[:, None, : self.config.width]
        vectors = self.vectors(asked.items, asked.skills)  # (B, N, E)
        return self.outcome(known, vectors, self.thresholds(asked.items), asked.skills).softmax(-1)
