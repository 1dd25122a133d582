"""Elo: ratings of student and item meet, and both move by how much the answer surprised (Elo, 1978; Pelánek, 2016).

Unusual here:
- a student has one rating overall and one per skill; they add up
- steps shrink with the number of answers, K / (1 + decay * n), Pelánek's uncertainty function
- difficulties, step sizes and decays are learnt by gradient through the filter, not by a single pass
- graded answers move ratings by their share of full credit
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
    expected_score,
    mean_over_skills,
    response_credit,
)
from knowtrace.models.ranges import check_ranges


@dataclass(frozen=True, kw_only=True)
class EloConfig:
    """`step` and `decay` start the K / (1 + decay * n) of both ratings; `prior_answers` shrinks item difficulty."""

    step: float = 0.4
    decay: float = 0.05
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(self, step=(1e-6, 100), decay=(1e-6, 100), prior_answers=PRIOR_ANSWERS)


class Elo(ResponseModel):
    """State (2 + 2 * num_skills): overall rating and answers, then a rating and answers per skill."""

    def __init__(self, config: EloConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.skill_difficulty = nn.Embedding(sizes.num_skills, 1, padding_idx=PADDING)
        nn.init.zeros_(self.skill_difficulty.weight)
        # In log space, so that steps and decays stay positive; overall first, then per skill.
        self.log_step = nn.Parameter(torch.full((2,), config.step).log())
        self.log_decay = nn.Parameter(torch.full((2,), config.decay).log())

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.log_step.new_zeros(num_students, 2 + 2 * self.sizes.num_skills)

    def forward(self, batch: Batch) -> Tensor:
        state = self.initial_state(batch.items.shape[0])
        steps: list[Tensor] = []
        for t in range(batch.items.shape[1]):
            items, skills = batch.items[:, t], batch.skills[:, t]
            logits = self._logits(state, items.unsqueeze(1), skills.unsqueeze(1))  # (B, 1, K)
            steps.append(logits)
            state = self._update(state, logits.squeeze(1), skills, batch.responses[:, t])
        return torch.cat(steps, dim=1)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        logits = self._logits(state, answer.items.unsqueeze(1), answer.skills.unsqueeze(1)).squeeze(1)
        return self._update(state, logits, answer.skills, answer.responses)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        return self._logits(state, asked.items, asked.skills).softmax(-1)

    def _logits(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        overall, _, ratings, _ = self._parts(state)
        _, num_asked, width = skills.shape
        rating = ratings.gather(1, skills.flatten(1)).view(-1, num_asked, width)
        above = rating - self.skill_difficulty(skills).squeeze(-1)  # (B, N, S)
        score = overall + mean_over_skills(above, skills)  # (B, N)
        return category_logits(score, self.thresholds(items))

    def _update(self, state: Tensor, logits: Tensor, skills: Tensor, responses: Tensor) -> Tensor:
        overall, answers, ratings, skill_answers = self._parts(state)
        surprise = response_credit(responses, self.sizes.num_categories) - expected_score(
            logits.softmax(-1)
        )  # (B,)
        surprise = surprise.unsqueeze(1)
        step, decay = self.log_step.exp(), self.log_decay.exp()
        touched = (
            F.one_hot(skills, self.sizes.num_skills).sum(1).clamp(max=1).to(state.dtype)
        )  # (B, num_skills)
        keep = touched.new_ones(self.sizes.num_skills).index_fill(
            0, torch.tensor([PADDING], device=state.device), 0
        )
        touched = touched * keep
        overall = overall + surprise * step[0] / (1 + decay[0] * answers)
        ratings = ratings + touched * surprise * step[1] / (1 + decay[1] * skill_answers)
        return torch.cat([overall, answers + 1, ratings, skill_answers + touched], dim=1)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        n = self.sizes.num_skills
        return state[:, :1], state[:, 1:2], state[:, 2 : 2 + n], state[:, 2 + n :]
