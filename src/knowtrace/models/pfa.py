"""Performance factors analysis (Pavlik, Cen and Koedinger, AIED 2009): logistic regression on counts per skill.

The logit of a right answer is the sum over the item's skills of beta_k + gamma_k * right_k + rho_k * wrong_k.

Unusual here:
- counts enter as log(1 + count), as in Gervet et al. (JEDM 12(3), 2020); `log_counts` False gives the original's
- weights of a skill are those shared by all skills plus its own
- it tells items apart by their skills alone; a graded answer is right by its credit and wrong by the rest
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.domain import PADDING
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.layers import (
    category_logits,
    response_credit,
    thresholds_from_counts,
    without_repeats,
)
from knowtrace.models.skill_sums import SkillSums, at_least_one

RAW_SCALE = 0.1
"""Counts as they are run into the hundreds: their weights are learnt in units of ten answers."""


@dataclass(frozen=True, kw_only=True)
class PFAConfig:
    """`log_counts`: whether counts enter as log(1 + count)."""

    log_counts: bool = True


class PFA(ResponseModel):
    """State (2 * slots): credit earned and missed in each skill."""

    reads_items = False

    def __init__(self, config: PFAConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.sums = SkillSums(sizes.num_skills, 2)
        self.thresholds = nn.Parameter(torch.zeros(sizes.num_categories - 1))
        self.shared = nn.Parameter(torch.tensor([0.3, -0.3]))
        self.skill = nn.Embedding(sizes.num_skills, 3, padding_idx=PADDING)  # right, wrong, constant
        nn.init.zeros_(self.skill.weight)

    def start_from(self, answers: TrainingAnswers) -> None:
        overall = answers.counts[0].sum(0, keepdim=True)
        with torch.no_grad():
            self.thresholds.copy_(thresholds_from_counts(overall, prior_answers=1.0)[0])

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.thresholds.new_zeros(num_students, self.sums.size)

    def forward(self, batch: Batch) -> Tensor:
        past = self.sums.before(batch, self.sums.slots_of(batch.skills), self._added(batch.responses))
        return self._logits(past, batch.skills)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return self.sums.after(state, self.sums.slots_of(answer.skills), self._added(answer.responses))

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        return self._logits(self.sums.read(state, self.sums.slots_of(asked.skills)), asked.skills).softmax(-1)

    def _added(self, responses: Tensor) -> Tensor:
        credit = response_credit(responses, self.sizes.num_categories)
        return torch.stack([credit, 1 - credit], dim=-1)

    def _logits(self, past: Tensor, skills: Tensor) -> Tensor:
        """past (B, N, S, 2), zero for padding and for what stands twice, skills (B, N, S) -> (B, N, K)."""
        counts = past.log1p() if self.config.log_counts else RAW_SCALE * past
        own = self.skill(without_repeats(at_least_one(skills)))  # (B, N, S, 3)
        per_skill = (counts * (own[..., :2] + self.shared)).sum(-1) + own[..., 2]
        return category_logits(per_skill.sum(-1), self.thresholds)
