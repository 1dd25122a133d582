"""Best-LR: logistic regression on what a student got right and wrong so far (Gervet et al., JEDM 12(3), 2020).

Features of an asked item: its identity, its skills, and log(1 + right), log(1 + wrong) over all past answers and
over past answers in each of its skills.

Unusual here:
- weights of the two skill counts are per skill, as in PFA, on top of weights shared by all skills
- a graded answer counts as its share of full credit right and the rest wrong
- the counts are the student's state, so an answer costs the same after 10 and after 100,000
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.layers import (
    PRIOR_ANSWERS,
    ItemThresholds,
    category_logits,
    hide_items,
    mean_over_skills,
    response_credit,
    shift_right,
)
from knowtrace.models.ranges import check_ranges


@dataclass(frozen=True, kw_only=True)
class BestLRConfig:
    """`prior_answers` shrinks the item difficulties that training starts from; `hidden_items` is the share of
    training answers whose item is hidden, which teaches the weights of items that training never saw."""

    prior_answers: float = 5.0
    hidden_items: float = 0.02

    def __post_init__(self) -> None:
        check_ranges(self, prior_answers=PRIOR_ANSWERS, hidden_items=(0, 1))


class BestLR(ResponseModel):
    """State (2 + 2 * num_skills): right and wrong over all answers, then right and wrong per skill."""

    def __init__(self, config: BestLRConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.overall_weights = nn.Parameter(torch.tensor([0.1, -0.1]))
        self.skill_weights = nn.Embedding(sizes.num_skills, 3, padding_idx=PADDING)  # right, wrong, constant
        self.shared_skill_weights = nn.Parameter(torch.tensor([0.3, -0.3]))
        nn.init.zeros_(self.skill_weights.weight)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.overall_weights.new_zeros(num_students, 2 + 2 * self.sizes.num_skills)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        logs = shift_right(self._counted(batch.skills, batch.responses).cumsum(1)).log1p()  # (B, T, D)
        overall, right, wrong = self._parts(logs)
        return self._logits(
            overall, right.gather(-1, batch.skills), wrong.gather(-1, batch.skills), items, batch.skills
        )

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return state + self._counted(answer.skills, answer.responses)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        overall, right, wrong = self._parts(state.log1p())
        skills = asked.skills.flatten(1)  # (B, N * S)
        right, wrong = (by_skill.gather(1, skills).view_as(asked.skills) for by_skill in (right, wrong))
        return self._logits(overall.unsqueeze(1), right, wrong, asked.items, asked.skills).softmax(-1)

    def _counted(self, skills: Tensor, responses: Tensor) -> Tensor:
        """Return what each answer adds to the counts: skills (..., S), responses (...) -> (..., D)."""
        right = response_credit(responses, self.sizes.num_categories).unsqueeze(-1)  # (..., 1)
        touched = F.one_hot(skills, self.sizes.num_skills).amax(-2).to(right.dtype)  # (..., num_skills)
        return torch.cat([right, 1 - right, touched * right, touched * (1 - right)], dim=-1)

    def _parts(self, logs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.sizes.num_skills
        return logs[..., :2], logs[..., 2 : 2 + n], logs[..., 2 + n :]

    def _logits(self, overall: Tensor, right: Tensor, wrong: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        """overall (B, N, 2) and, for the asked skills, right and wrong (B, N, S), all log(1 + count) -> (B, N, K)."""
        weights = self.skill_weights(skills)  # (B, N, S, 3)
        for_right = weights[..., 0] + self.shared_skill_weights[0]
        for_wrong = weights[..., 1] + self.shared_skill_weights[1]
        per_skill = right * for_right + wrong * for_wrong + weights[..., 2]  # (B, N, S)
        score = (overall * self.overall_weights).sum(-1) + mean_over_skills(per_skill, skills)
        return category_logits(score, self.thresholds(items))
