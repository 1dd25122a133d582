"""Multi-task: one recurrence over past answers, and beside the response three questions that teachers ask.

How hard is the asked item, where is the student heading, and will the next answers need help? The heads share the
state with the response, as in multi-task learning (Caruana, 1997, doi:10.1023/A:1007379606734); their targets are
defined in `docs/multitask.md`.

Unusual here:
- the recurrence is minGRU (Feng et al., 2024, arXiv:2410.01201), so training runs over all steps at once
- trajectory and intervention read the state alone: what the next answers will be asked is not known
- difficulty sees the item's vector with a share of items hidden, so that it is also learnt from skills alone
- targets are computed inside `loss` from later answers; `forward` never sees them
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.models.contract import (
    Answer,
    Asked,
    Batch,
    ResponseModel,
    Sizes,
    TrainingAnswers,
    response_loss,
)
from knowtrace.models.future_targets import last_mean, next_mean
from knowtrace.models.item_vectors import ItemVectors
from knowtrace.models.layers import (
    PRIOR_ANSWERS,
    Dropout,
    ItemThresholds,
    category_logits,
    expected_score,
    hide_items,
    response_credit,
    shift_right,
    thresholds_from_counts,
)
from knowtrace.models.linear_scan import linear_scan, min_gru
from knowtrace.models.ranges import check_ranges

HARDEST = 3.0
"""Difficulties lie within so many logits of even chances: beyond, counts tell them too badly."""


@dataclass(frozen=True, kw_only=True)
class MultiTaskConfig:
    """Width of the recurrence and of item vectors; `reach`, how many answers are the past and the future of a head;
    `intervene_below`, the mean credit that calls for help; how much the heads' losses weigh beside the response's."""

    hidden_dim: int = 128
    item_dim: int = 64
    reach: int = 5
    intervene_below: float = 0.4
    heads_weight: float = 0.2
    dropout: float = 0.3
    hidden_items: float = 0.05
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            hidden_dim=(1, 2048),
            item_dim=(1, 4096),
            reach=(1, 1000),
            intervene_below=(0, 1),
            heads_weight=(0, 100),
            dropout=(0, 1),
            hidden_items=(0, 1),
            prior_answers=PRIOR_ANSWERS,
        )


class MultiTask(ResponseModel):
    """State (hidden_dim): the recurrence's units."""

    difficulty: Tensor
    is_known: Tensor

    def __init__(self, config: MultiTaskConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width, hidden = config.item_dim, config.hidden_dim
        self.vectors = ItemVectors(sizes, width)
        self.enter = nn.Linear(2 * width, 2 * hidden)
        self.meet = nn.Linear(hidden + width, hidden)
        self.out = nn.Linear(hidden, 1)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.asked_head = nn.Linear(hidden, 1)
        self.future = nn.Linear(hidden, hidden)
        self.future_heads = nn.Linear(hidden, 2)
        self.dropout = Dropout(config.dropout)
        self.register_buffer("difficulty", torch.zeros(sizes.num_items))
        self.register_buffer("is_known", torch.zeros(sizes.num_items, dtype=torch.bool))

    def start_from(self, answers: TrainingAnswers) -> None:
        counts, prior = answers.counts[0], self.config.prior_answers
        self.thresholds.start_from(answers, prior_answers=prior)
        self.difficulty.copy_(item_difficulty(counts, prior_answers=prior))
        self.is_known.copy_(counts.sum(-1).gt(0))

    def forward(self, batch: Batch) -> Tensor:
        return self._tasks(batch)[0]

    def auxiliary(self, batch: Batch) -> dict[str, Tensor]:
        """Return what the heads say before each answer, each (B, T).

        difficulty of the asked item, in logits · trajectory, the expected change of mean credit, in [-1, 1] ·
        intervention, the logit that the next answers need help.
        """
        return self._tasks(batch)[1]

    def targets(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Return what the heads are trained on and where that is defined, each (B, T); it holds later answers."""
        num_categories, reach = self.sizes.num_categories, self.config.reach
        ahead, is_ahead = next_mean(batch, num_categories, reach)
        behind, is_behind = last_mean(batch, num_categories, reach)
        known = F.embedding(batch.items, self.is_known.unsqueeze(-1)).squeeze(-1)
        return {
            "difficulty": (
                F.embedding(batch.items, self.difficulty.unsqueeze(-1)).squeeze(-1),
                known & batch.targets,
            ),
            "trajectory": (ahead - behind, is_ahead & is_behind & batch.targets),
            "intervention": (
                ahead.lt(self.config.intervene_below).to(ahead.dtype),
                is_ahead & batch.targets,
            ),
        }

    def loss(self, batch: Batch) -> Tensor:
        """Return the response's cross entropy plus the weighted losses of the heads: squared errors of difficulty and
        trajectory, the cross entropy of intervention."""
        logits, heads = self._tasks(batch)
        errors = {
            "difficulty": F.mse_loss,
            "trajectory": F.mse_loss,
            "intervention": F.binary_cross_entropy_with_logits,
        }
        total = response_loss(logits, batch)
        for name, (target, defined) in self.targets(batch).items():
            error = errors[name](heads[name].float(), target, reduction="none")
            total = total + self.config.heads_weight * (error * defined).sum() / defined.sum().clamp(min=1)
        return total

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.out.weight.new_zeros(num_students, self.config.hidden_dim)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        kept, entering = self._gates(self.vectors(answer.items, answer.skills), answer.responses)
        return kept * state + entering

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        vectors = self.vectors(asked.items, asked.skills)
        met = self._meeting(state.unsqueeze(1).expand(-1, vectors.shape[1], -1), vectors)
        return self._logits(met, asked.items).softmax(-1)

    def outlook(self, state: Tensor, asked: Asked) -> dict[str, Tensor]:
        """Return what the heads say of a state (B, D) and asked items, each (B, N), as `auxiliary` does."""
        vectors = self.vectors(asked.items, asked.skills)
        hidden = state.unsqueeze(1).expand(-1, vectors.shape[1], -1)
        return self._heads(hidden, self._meeting(hidden, vectors))

    def _tasks(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        vectors = self.dropout(self.vectors(items, batch.skills))
        hidden = shift_right(linear_scan(*self._gates(vectors, batch.responses)))
        met = self._meeting(hidden, vectors)
        return self._logits(met, items), self._heads(hidden, met)

    def _gates(self, vectors: Tensor, responses: Tensor) -> tuple[Tensor, Tensor]:
        """Return the share of the state that is kept, and what enters: both (..., hidden_dim)."""
        credit = response_credit(responses, self.sizes.num_categories).unsqueeze(-1)
        return min_gru(self.enter(torch.cat([vectors * credit, vectors * (1 - credit)], dim=-1)))

    def _meeting(self, hidden: Tensor, vectors: Tensor) -> Tensor:
        return self.dropout(F.silu(self.meet(torch.cat([self.dropout(hidden), vectors], dim=-1))))

    def _logits(self, met: Tensor, items: Tensor) -> Tensor:
        return category_logits(self.out(met).squeeze(-1), self.thresholds(items))

    def _heads(self, hidden: Tensor, met: Tensor) -> dict[str, Tensor]:
        change, help_logit = self.future_heads(F.silu(self.future(self.dropout(hidden)))).unbind(-1)
        return {
            "difficulty": self.asked_head(met).squeeze(-1),
            "trajectory": change.tanh(),
            "intervention": help_logit,
        }


def item_difficulty(category_counts: Tensor, *, prior_answers: float) -> Tensor:
    """Return the difficulty (num_items,) of items from counts (num_items, K): minus the logit of the mean credit,
    shrunk as thresholds are, within HARDEST."""
    thresholds = thresholds_from_counts(category_counts, prior_answers=prior_answers)
    shares = category_logits(torch.zeros_like(thresholds[:, 0]), thresholds).softmax(-1)
    return -expected_score(shares).logit(1e-6).clamp(-HARDEST, HARDEST)
