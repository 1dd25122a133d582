"""Transformer-GPCM: one attention layer over past answers under a generalized partial credit head (Muraki, 1992).

The asked item attends to past answers, item and response together, as in SAKT (Pandey and Karypis, 2019,
arXiv:1907.06837); then comes a transformer's feed-forward layer (Vaswani et al., 2017, arXiv:1706.03762).

Unusual here:
- causal by its window: the query of step t sees the answers of steps t - window to t - 1 and no other
- order enters as a learnt bias by distance, so nothing depends on where in a history a piece begins
- ability, discrimination and thresholds keep the ranges of `partial_credit.py`; thresholds may be "free"
- the state is the window of keys and values, so an answer costs the same after 10 and after 100,000
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.errors import TrainingError
from knowtrace.models.causal_window import CausalWindow
from knowtrace.models.contract import (
    Answer,
    Asked,
    Batch,
    ResponseModel,
    Sizes,
    TrainingAnswers,
)
from knowtrace.models.item_vectors import ItemVectors
from knowtrace.models.layers import (
    PRIOR_ANSWERS,
    Dropout,
    hide_items,
    response_credit,
)
from knowtrace.models.partial_credit import PartialCredit, PartialCreditHead, check_thresholds
from knowtrace.models.ranges import check_ranges
from knowtrace.models.rings import check_rings


@dataclass(frozen=True, kw_only=True)
class TransformerGPCMConfig:
    """Width of all vectors, attention heads, past answers in the window, thresholds ("ordered" or "free"), dropout,
    hidden items, and the shrinkage of item means."""

    width: int = 64
    heads: int = 4
    window: int = 100
    thresholds: str = "ordered"
    dropout: float = 0.2
    hidden_items: float = 0.05
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            width=(1, 4096),
            heads=(1, 64),
            window=(1, 10_000),
            dropout=(0, 1),
            hidden_items=(0, 1),
            prior_answers=PRIOR_ANSWERS,
        )
        check_rings(self, num_rings=1)
        if problems := check_thresholds(self.thresholds):
            raise TrainingError("; ".join(problems) + ".")


class TransformerGPCM(ResponseModel):
    """State (2 * width * window + 1): keys and values of the last answers, and how many there are."""

    def __init__(self, config: TransformerGPCMConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width = config.width
        self.vectors = ItemVectors(sizes, width)
        self.answer = nn.Linear(2 * width, width)
        self.attention = CausalWindow(width, config.heads, config.window)
        self.meet = nn.Linear(2 * width, width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)
        self.head = PartialCreditHead(sizes, width, config.thresholds)
        self.dropout = Dropout(config.dropout)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.head.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def forward(self, batch: Batch) -> Tensor:
        return self.figures(batch).logits()

    def figures(self, batch: Batch) -> PartialCredit:
        """Return ability, discrimination and thresholds of every step: (B, T), (B, T), (B, T, K-1)."""
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        vectors = self.dropout(self.vectors(items, batch.skills))
        found = self.attention(vectors, self._answers(vectors, batch.responses))
        return self._figures(found, vectors, items)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.vectors.common.new_zeros(num_students, self.attention.state_size)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        vectors = self.vectors(answer.items, answer.skills)
        return self.attention.keep(state, self._answers(vectors, answer.responses))

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        vectors = self.vectors(asked.items, asked.skills)
        found = self.attention.find(state, vectors)
        return self._figures(found, vectors, asked.items).logits().softmax(-1)

    def _answers(self, vectors: Tensor, responses: Tensor) -> Tensor:
        credit = response_credit(responses, self.sizes.num_categories).unsqueeze(-1)
        return self.answer(torch.cat([vectors * credit, vectors * (1 - credit)], dim=-1))

    def _figures(self, found: Tensor, vectors: Tensor, items: Tensor) -> PartialCredit:
        met = self.meet(torch.cat([self.dropout(found), vectors], dim=-1))
        met = met + self.narrow(self.dropout(F.relu(self.widen(met))))
        return self.head(self.dropout(self.norm(met)), items)
