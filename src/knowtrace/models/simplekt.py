"""simpleKT: plain dot-product attention over past answers, with items of one skill told apart by one number
(Liu et al., 2023, arXiv:2302.06881).

Queries and keys are items alone, values are answers: what is looked up is how the student did on items like this one.

Unusual here:
- each layer sees the last `window` answers, and knows their place by distance, not by a position in a sequence
- an item with several skills is one step with the mean of their vectors
- an item's difficulty is read off training answers without the student's own group (`item_statistics.py`), where the
  paper learns it: learnt, it remembers the answers it was learnt from
- a share of items is hidden in training
"""

from dataclasses import dataclass

from torch import Tensor, nn

from knowtrace.models.attention import AttentionLayer, LinearDecay
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_statistics import ItemStatistics
from knowtrace.models.item_vectors import AnswerVectors, Outcome, RaschVectors
from knowtrace.models.layers import Dropout, hide_items
from knowtrace.models.ranges import check_ranges
from knowtrace.models.rings import ATTENTION_RANGES, Rings, check_rings


@dataclass(frozen=True, kw_only=True)
class SimpleKTConfig:
    """Width of all vectors, attention heads, layers, answers a layer sees; dropout, share of hidden items."""

    width: int = 64
    heads: int = 4
    layers: int = 2
    window: int = 100
    dropout: float = 0.3
    hidden_items: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(
            self,
            **ATTENTION_RANGES,
            layers=(1, 16),
            dropout=(0, 1),
            hidden_items=(0, 1),
        )
        check_rings(self, num_rings=self.layers)


class SimpleKT(ResponseModel):
    """State (1 + 2 * layers * window * width): answers held, then keys and values of each layer."""

    def __init__(self, config: SimpleKTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width = config.width
        self.statistics = ItemStatistics(sizes)
        self.vectors = RaschVectors(sizes, width)
        self.answers = AnswerVectors(sizes, width)
        self.layers = nn.ModuleList(
            AttentionLayer(config, sees_itself=False, decay=LinearDecay) for _ in range(config.layers)
        )
        self.outcome = Outcome(sizes, width)
        self.dropout = Dropout(config.dropout)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.statistics.start_from(answers)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        statistics, thresholds = self.statistics.of_batch(batch, items)
        asked = self.vectors(statistics, batch.skills)  # (B, T, E)
        past = self.answers(self.dropout(asked), batch.responses)
        known = asked
        for layer in self.layers:
            known = layer(known, known, past)
        return self.outcome(self.dropout(known), asked, thresholds, batch.skills)

    def initial_state(self, num_students: int = 1) -> Tensor:
        size = 2 * self.config.layers * self.config.window * self.config.width
        return self.vectors.common.new_zeros(num_students, 1 + size)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        rings = Rings.of(state, self.config)
        known = self.vectors(self.statistics(answer.items)[0], answer.skills).unsqueeze(1)  # (B, 1, E)
        past = self.answers(known, answer.responses.unsqueeze(1))
        entries: list[tuple[Tensor, Tensor]] = []
        for layer, ring in zip(self.layers, rings.layers, strict=True):
            entries.append(layer.attention.entry(known, past))  # pyright: ignore
            known = layer.attend(known, ring, rings.held)  # pyright: ignore
        return rings.push(*entries)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        rings = Rings.of(state, self.config)
        statistics, thresholds = self.statistics(asked.items)
        vectors = self.vectors(statistics, asked.skills)  # (B, N, E)
        known = vectors
        for layer, ring in zip(self.layers, rings.layers, strict=True):
            known = layer.attend(known, ring, rings.held)  # pyright: ignore
        return self.outcome(known, vectors, thresholds, asked.skills).softmax(-1)
