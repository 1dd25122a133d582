"""Deep-GPCM: a key-value memory of the student under a generalized partial credit head.

The memory is DKVMN (Zhang et al., 2017, arXiv:1611.08108), the reading of it as item response theory Deep-IRT (Yeung,
2019, arXiv:1904.11738), the head the generalized partial credit model (Muraki, 1992).

Unusual here:
- ability within (-3, 3), discrimination positive and thresholds in order by construction, unless `thresholds` is
  "free" (`partial_credit.py`)
- the loss is the log probability of every step's response; the head ends in logits, so nothing is normalised twice
- an item is its own vector plus the mean of its skills', so several skills make one step
- the three embeddings of a response (`embedding`) place the item's vector in blocks, which a linear map reads
- thresholds start at the item means of the training data; a share of items is hidden in training
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.errors import TrainingError
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_vectors import ItemVectors
from knowtrace.models.key_value_memory import read, read_all, write
from knowtrace.models.layers import PRIOR_ANSWERS, Dropout, hide_items
from knowtrace.models.partial_credit import PartialCredit, PartialCreditHead, check_thresholds
from knowtrace.models.ranges import check_ranges

MOST_FLOATS = 2048
"""Floats of a memory, so that a state stays within 8 KiB (ADR-0002)."""

EMBEDDINGS = ("linear-decay", "unordered", "ordered")


@dataclass(frozen=True, kw_only=True)
class DeepGPCMConfig:
    """Slots of the memory and their width, width of item vectors and of the summary, how a response is embedded
    ("linear-decay", "unordered" or "ordered"), thresholds ("ordered" or "free"), dropout, hidden items, and the
    shrinkage of item means."""

    slots: int = 20
    value_dim: int = 64
    item_dim: int = 64
    summary_dim: int = 64
    embedding: str = "linear-decay"
    thresholds: str = "ordered"
    dropout: float = 0.2
    hidden_items: float = 0.05
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            slots=(1, MOST_FLOATS),
            value_dim=(1, MOST_FLOATS),
            item_dim=(1, 4096),
            summary_dim=(1, 4096),
            dropout=(0, 1),
            hidden_items=(0, 1),
            prior_answers=PRIOR_ANSWERS,
        )
        problems = check_thresholds(self.thresholds)
        if self.embedding not in EMBEDDINGS:
            problems.append(f"embedding ({self.embedding!r}) must be one of {', '.join(EMBEDDINGS)}")
        if self.slots * self.value_dim > MOST_FLOATS:
            problems.append(
                f"slots ({self.slots}) times value_dim ({self.value_dim}) must be at most {MOST_FLOATS}"
            )
        if problems:
            raise TrainingError("; ".join(problems) + ".")


class DeepGPCM(ResponseModel):
    """State (slots * value_dim): the student's value memory."""

    response_blocks: Tensor

    def __init__(self, config: DeepGPCMConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width = config.item_dim
        self.register_buffer(
            "response_blocks", response_blocks(config.embedding, sizes.num_categories), persistent=False
        )
        self.vectors = ItemVectors(sizes, width)
        self.keys = nn.Linear(width, config.slots)
        self.memory = nn.Parameter(0.1 * torch.randn(config.slots, config.value_dim))
        self.value = nn.Linear(self.response_blocks.shape[1] * width, config.value_dim)
        self.erase = nn.Linear(config.value_dim, config.value_dim)
        self.add = nn.Linear(config.value_dim, config.value_dim)
        self.summary = nn.Linear(config.value_dim + width, config.summary_dim)
        self.head = PartialCreditHead(sizes, config.summary_dim, config.thresholds)
        self.dropout = Dropout(config.dropout)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.head.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def forward(self, batch: Batch) -> Tensor:
        return self.figures(batch).logits()

    def figures(self, batch: Batch) -> PartialCredit:
        """Return ability, discrimination and thresholds of every step: (B, T), (B, T), (B, T, K-1)."""
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        vectors = self.dropout(self.vectors(items, batch.skills))
        attention = self._attention(vectors)
        known = read_all(self.memory, attention, *self._writes(vectors, batch.responses))
        return self._figures(known, vectors, items)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.memory.flatten().expand(num_students, -1)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        vectors = self.vectors(answer.items, answer.skills)
        writes = self._writes(vectors, answer.responses)
        return write(self._memory(state), self._attention(vectors), *writes).flatten(1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        vectors = self.vectors(asked.items, asked.skills)
        known = read(self._memory(state), self._attention(vectors))
        return self._figures(known, vectors, asked.items).logits().softmax(-1)

    def _attention(self, vectors: Tensor) -> Tensor:
        """Return the share of each slot in an item's vector: (..., slots), summing to 1."""
        return self.keys(vectors).softmax(-1)

    def _writes(self, vectors: Tensor, responses: Tensor) -> tuple[Tensor, Tensor]:
        """Return what an answer erases, in (0, 1), and adds, in (-1, 1): both (..., value_dim)."""
        blocks = self.response_blocks[responses].unsqueeze(-1)  # (..., blocks, 1)
        value = self.value((blocks * vectors.unsqueeze(-2)).flatten(-2))
        return self.erase(value).sigmoid(), self.add(value).tanh()

    def _figures(self, known: Tensor, vectors: Tensor, items: Tensor) -> PartialCredit:
        summary = self.summary(torch.cat([known, vectors], dim=-1)).tanh()
        return self.head(self.dropout(summary), items)

    def _memory(self, state: Tensor) -> Tensor:
        return state.view(-1, self.config.slots, self.config.value_dim)


def response_blocks(embedding: str, num_categories: int) -> Tensor:
    """Return how much of the item's vector each block holds, a row per response.

    linear-decay (K, K): block k holds max(0, 1 - |k - r| / (K-1)) · unordered (K, K): 1 in block r, else 0 ·
    ordered (K, 2): 1 where r > 0, then the credit r / (K-1).
    """
    categories = torch.arange(num_categories)
    if embedding == "unordered":
        return torch.eye(num_categories)
    if embedding == "ordered":
        return torch.stack([categories.gt(0).float(), categories / (num_categories - 1)], dim=-1)
    return 1 - (categories.unsqueeze(0) - categories.unsqueeze(1)).abs() / (num_categories - 1)
