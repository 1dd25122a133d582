"""AKT: attention that fades with a context-aware distance, over items and answers that were read in context themselves
(Ghosh et al., 2020, arXiv:2007.12324).

Three layers: one reads each item beside the items before it, one each answer beside the answers before it, and the
third lets the asked item, so read, look up past answers, so read.

Unusual here:
- each layer sees the last `window` answers; the distance's attention is shared out within that window, so that the
  step form, which keeps no more, is the same model
- an item with several skills is one step with the mean of their vectors
- an item's difficulty is read off training answers without the student's own group (`item_statistics.py`), where the
  paper learns it: learnt, it remembers the answers it was learnt from
- a share of items is hidden in training
"""

from dataclasses import dataclass

from torch import Tensor

from knowtrace.models.attention import AttentionLayer, MonotonicDecay
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_statistics import ItemStatistics
from knowtrace.models.item_vectors import AnswerVectors, Outcome, RaschVectors
from knowtrace.models.layers import Dropout, hide_items
from knowtrace.models.ranges import check_ranges
from knowtrace.models.rings import ATTENTION_RANGES, Rings, check_rings

NUM_RINGS = 3


@dataclass(frozen=True, kw_only=True)
class AKTConfig:
    """Width of all vectors, attention heads, answers a layer sees; dropout, share of hidden items."""

    width: int = 64
    heads: int = 4
    window: int = 100
    dropout: float = 0.3
    hidden_items: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(
            self,
            **ATTENTION_RANGES,
            dropout=(0, 1),
            hidden_items=(0, 1),
        )
        check_rings(self, num_rings=NUM_RINGS)


class AKT(ResponseModel):
    """State (1 + 6 * window * width): answers held, then keys and values of the three layers."""

    def __init__(self, config: AKTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width = config.width
        self.statistics = ItemStatistics(sizes)
        self.vectors = RaschVectors(sizes, width)
        self.answers = AnswerVectors(sizes, width)
        self.read_items = AttentionLayer(config, sees_itself=True, decay=MonotonicDecay)
        self.read_answers = AttentionLayer(config, sees_itself=True, decay=MonotonicDecay)
        self.retrieve = AttentionLayer(config, sees_itself=False, decay=MonotonicDecay)
        self.outcome = Outcome(sizes, width)
        self.dropout = Dropout(config.dropout)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.statistics.start_from(answers)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        statistics, thresholds = self.statistics.of_batch(batch, items)
        vectors = self.vectors(statistics, batch.skills)  # (B, T, E)
        answers = self.answers(self.dropout(vectors), batch.responses)
        asked = self.read_items(vectors, vectors, vectors)
        past = self.read_answers(answers, answers, answers)
        known = self.retrieve(asked, asked, past)
        return self.outcome(self.dropout(known), vectors, thresholds, batch.skills)

    def initial_state(self, num_students: int = 1) -> Tensor:
        size = 2 * NUM_RINGS * self.config.window * self.config.width
        return self.vectors.common.new_zeros(num_students, 1 + size)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        rings = Rings.of(state, self.config)
        items_ring, answers_ring, _ = rings.layers
        vectors = self.vectors(self.statistics(answer.items)[0], answer.skills).unsqueeze(1)  # (B, 1, E)
        answers = self.answers(vectors, answer.responses.unsqueeze(1))
        item = self.read_items.attention.entry(vectors, vectors)
        answered = self.read_answers.attention.entry(answers, answers)
        asked = self.read_items.attend(vectors, items_ring, rings.held, item)
        past = self.read_answers.attend(answers, answers_ring, rings.held, answered)
        return rings.push(item, answered, self.retrieve.attention.entry(asked, past))

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        rings = Rings.of(state, self.config)
        items_ring, _, past_ring = rings.layers
        statistics, thresholds = self.statistics(asked.items)
        vectors = self.vectors(statistics, asked.skills)  # (B, N, E)
        item = self.read_items.attention.entry(vectors, vectors)
        read = self.read_items.attend(vectors, items_ring, rings.held, item)
        known = self.retrieve.attend(read, past_ring, rings.held)
        return self.outcome(known, vectors, thresholds, asked.skills).softmax(-1)
