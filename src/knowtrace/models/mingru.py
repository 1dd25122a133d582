"""Our own model: a minimal gated recurrence over item statistics and a student's running counts.

The recurrence is minGRU (Feng et al., 2024, arXiv:2410.01201): gates depend on the answer alone, so training runs over
all steps at once, and a step costs one small product. Published knowledge tracing learns a vector per item; here an
item is what others answered to it and to its neighbours, read off training answers without the student's own group.

Unusual here:
- state: the recurrence's units, running sums over all answers, and running sums per skill; at most 8 KiB
- a student's surprise (credit minus the item's expected credit) is what the sums keep, so easy items teach little
- an item without answers has the statistics of its neighbours and of its skill
- with `item_dim` a vector per item is added, weighed by n / (n + item_prior): useful where items are answered often
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.evidence import NUM_KNOWN, Evidence, Known, Observed
from knowtrace.models.layers import (
    Dropout,
    ItemTable,
    hide_items,
    logits_of_steps,
    mean_skill_vector,
    shift_right,
)
from knowtrace.models.linear_scan import linear_scan, min_gru
from knowtrace.models.ranges import check_ranges

WIDEST = 512
"""Units of the recurrence, so that a state with all its sums stays within 8 KiB."""


@dataclass(frozen=True, kw_only=True)
class MinGRUConfig:
    """Widths of recurrence, skill vectors, item vectors (0: none) and output network; dropout; hidden items; the
    answers at which an item's own vector counts half."""

    hidden_dim: int = 128
    skill_dim: int = 32
    item_dim: int = 0
    output_dim: int = 128
    dropout: float = 0.3
    hidden_items: float = 0.02
    item_prior: float = 50.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            hidden_dim=(1, WIDEST),
            skill_dim=(1, 1024),
            item_dim=(0, 1024),
            output_dim=(1, 4096),
            dropout=(0, 1),
            hidden_items=(0, 1),
            item_prior=(1e-3, 1e6),
        )


class MinGRU(ResponseModel):
    """State: the recurrence (hidden_dim), then the running sums."""

    item_weight: Tensor

    def __init__(self, config: MinGRUConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.evidence = Evidence(sizes)
        self.skill = nn.Embedding(sizes.num_skills, config.skill_dim, padding_idx=PADDING)
        self.item = ItemTable(sizes.num_items, config.item_dim, std=0.01) if config.item_dim else None
        self.register_buffer("item_weight", torch.ones(sizes.num_items))
        num_seen = NUM_KNOWN + config.skill_dim + config.item_dim
        num_answer = NUM_KNOWN + 2 + 2 * (config.skill_dim + config.item_dim)
        self.enter = nn.Linear(num_answer, 2 * config.hidden_dim)
        self.meet = nn.Linear(config.hidden_dim + num_seen, config.output_dim)
        self.mix = nn.Linear(config.output_dim, config.output_dim)
        self.out = nn.Linear(config.output_dim, 1)
        self.dropout = Dropout(config.dropout)
        nn.init.normal_(self.skill.weight, std=0.1)
        # Close to nothing at first: the item statistics alone speak until something better is learnt.
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.skill.weight[[PADDING, UNSEEN]] = 0

    def start_from(self, answers: TrainingAnswers) -> None:
        self.evidence.start_from(answers)
        num_answers = answers.counts[0].sum(-1)
        self.item_weight = num_answers / (num_answers + self.config.item_prior)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        observed = self.evidence.of_batch(batch, items)
        vectors = self._vectors(items, batch.skills)
        kept, entering = self._gates(observed, vectors)
        hidden = shift_right(linear_scan(kept, entering))
        return self._logits(hidden, observed.before, vectors)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.out.weight.new_zeros(num_students, self.config.hidden_dim + self.evidence.state_size)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        hidden, sums = self._parts(state)
        observed, after = self.evidence.observe(sums, answer)
        kept, entering = self._gates(observed, self._vectors(answer.items, answer.skills))
        return torch.cat([kept * hidden + entering, after], dim=-1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        hidden, sums = self._parts(state.unsqueeze(1))  # (B, 1, ...)
        before = self.evidence.of_asked(sums, asked)
        return self._logits(hidden, before, self._vectors(asked.items, asked.skills)).softmax(-1)

    def _vectors(self, items: Tensor, skills: Tensor) -> Tensor:
        of_skills = mean_skill_vector(self.skill.weight, skills)
        if self.item is None:
            return of_skills
        weight = F.embedding(items, self.item_weight.unsqueeze(-1))
        return torch.cat([of_skills, self.item(items) * weight], dim=-1)

    def _gates(self, observed: Observed, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return the share of the state that an answer keeps, and what it enters: both (..., hidden_dim)."""
        credit, vectors = observed.credit, self.dropout(vectors)
        placed = [vectors * credit, vectors * (1 - credit)]
        answers = torch.cat([observed.before.known, credit, observed.surprise, *placed], dim=-1)
        return min_gru(self.enter(answers))

    def _logits(self, hidden: Tensor, before: Known, vectors: Tensor) -> Tensor:
        # Apart, so that a student who is asked N items is multiplied once.
        of_student, of_item = self.meet.weight.tensor_split([self.config.hidden_dim], dim=1)
        seen = torch.cat([before.known, vectors], dim=-1)
        met = F.silu(F.linear(self.dropout(hidden), of_student) + F.linear(seen, of_item, self.meet.bias))
        met = F.silu(self.mix(self.dropout(met)))
        return logits_of_steps(self.out(self.dropout(met)) - before.thresholds)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the recurrence (..., H) and the running sums."""
        hidden, sums = state.split([self.config.hidden_dim, self.evidence.state_size], dim=-1)
        return hidden, sums
