"""Elo with uncertainty: every rating is a normal belief with a mean and a variance (after Glicko, Glickman, 1999).

An answer moves each rating by its variance times the surprise, and shrinks the variance by what the answer told: one
step of the Kalman filter on the logistic model, linearised at the prediction (Fahrmeir, 1992).

Unusual here:
- a student has one rating overall and one per skill; an item's score is their sum, the mean over its skills
- the prediction is moderated: uncertain ratings give probabilities nearer to the middle (MacKay, 1992)
- variances grow with each answer, for students learn, and with each day; never beyond where they started
- graded answers move ratings by their share of full credit; priors, growth and difficulties are learnt by gradient
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

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
from knowtrace.models.running_sums import days
from knowtrace.models.skill_sums import SkillSums

MODERATION = torch.pi / 8
LEAST_INFORMATION = 0.02
"""A near-certain answer still tells this much: without it a rating gone astray could not come back."""


@dataclass(frozen=True, kw_only=True)
class EloUncertaintyConfig:
    """Variances that the ratings overall and per skill start with, by what they grow with each answer and each day, and
    the answers that the mean item weighs; all but the last are where learning starts."""

    overall_variance: float = 0.6
    skill_variance: float = 0.8
    growth: float = 0.01
    day_growth: float = 0.001
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            overall_variance=(1e-6, 100),
            skill_variance=(1e-6, 100),
            growth=(1e-9, 10),
            day_growth=(1e-9, 10),
            prior_answers=PRIOR_ANSWERS,
        )


@dataclass(frozen=True)
class _Beliefs:
    """A state apart: overall mean and lost share (B, 1), means and lost shares by slot (B, slots)."""

    overall: Tensor
    lost: Tensor
    means: Tensor
    lost_by_skill: Tensor


class EloUncertainty(ResponseModel):
    """State (2 + 2 * slots): overall mean and variance; per slot mean and the share of its first variance it has lost.

    Lost shares are all zero at first, so a state does not depend on what the prior variances are.
    """

    def __init__(self, config: EloUncertaintyConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.slots = SkillSums(sizes.num_skills, 2)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.skill_difficulty = nn.Embedding(self.slots.num_slots, 1, padding_idx=PADDING)
        nn.init.zeros_(self.skill_difficulty.weight)
        # In log space, so that variances stay positive; overall first, then per skill.
        self.log_variance = nn.Parameter(torch.tensor([config.overall_variance, config.skill_variance]).log())
        self.log_growth = nn.Parameter(torch.full((2,), config.growth).log())
        self.log_day_growth = nn.Parameter(torch.full((2,), config.day_growth).log())

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.log_growth.new_zeros(num_students, 2 + 2 * self.slots.num_slots)

    def forward(self, batch: Batch) -> Tensor:
        slots, thresholds = self.slots.slots_of(batch.skills), self.thresholds(batch.items)
        difficulty = self.skill_difficulty(slots).squeeze(-1)
        beliefs = self._parts(self.initial_state(len(slots)))
        is_timed = bool(batch.lags.gt(0).any())
        steps: list[Tensor] = []
        for t in range(slots.shape[1]):
            at = slice(t, t + 1)
            if is_timed:
                beliefs = self._rested(beliefs, batch.lags[:, t])
            logits = self._logits(beliefs, slots[:, at], difficulty[:, at], thresholds[:, at])
            steps.append(logits)
            beliefs = self._moved(beliefs, slots[:, t], logits.squeeze(1), batch.responses[:, t])
        return torch.cat(steps, dim=1)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        slots = self.slots.slots_of(answer.skills)
        beliefs = self._rested(self._parts(state), answer.lags)
        logits = self._of_asked(beliefs, answer.items.unsqueeze(1), slots.unsqueeze(1)).squeeze(1)
        moved = self._moved(beliefs, slots, logits, answer.responses)
        return torch.cat([moved.overall, moved.lost, moved.means, moved.lost_by_skill], dim=1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        beliefs = self._rested(self._parts(state), asked.lags)
        return self._of_asked(beliefs, asked.items, self.slots.slots_of(asked.skills)).softmax(-1)

    def _of_asked(self, beliefs: _Beliefs, items: Tensor, slots: Tensor) -> Tensor:
        return self._logits(beliefs, slots, self.skill_difficulty(slots).squeeze(-1), self.thresholds(items))

    def _rested(self, beliefs: _Beliefs, lags: Tensor) -> _Beliefs:
        """Return the beliefs that `lags` (B,) without answers leave."""
        growth = (self.log_day_growth - self.log_variance).exp() * days(lags).unsqueeze(1)  # (B, 2)
        return replace(
            beliefs,
            lost=(beliefs.lost - growth[:, :1]).clamp(min=0),
            lost_by_skill=(beliefs.lost_by_skill - growth[:, 1:]).clamp(min=0),
        )

    def _logits(self, beliefs: _Beliefs, slots: Tensor, difficulty: Tensor, thresholds: Tensor) -> Tensor:
        """slots and difficulty (B, N, S), thresholds (B, N, K-1) -> moderated category logits (B, N, K)."""
        variance = self.log_variance.exp()
        chosen = slots.flatten(1)
        mean = beliefs.means.gather(1, chosen).view(slots.shape) - difficulty
        spread = variance[1] * (1 - beliefs.lost_by_skill.gather(1, chosen).view(slots.shape))
        num_skills = slots.ne(PADDING).sum(-1).clamp(min=1)
        total = variance[0] * (1 - beliefs.lost) + mean_over_skills(spread, slots) / num_skills  # (B, N)
        logits = category_logits(beliefs.overall + mean_over_skills(mean, slots), thresholds)
        return logits / (1 + MODERATION * total).sqrt().unsqueeze(-1)

    def _moved(self, beliefs: _Beliefs, slots: Tensor, logits: Tensor, responses: Tensor) -> _Beliefs:
        """Return the beliefs after one answer each; only the slots (B, S) that it touches are written."""
        probabilities = logits.softmax(-1)
        expected = expected_score(probabilities)
        surprise = (response_credit(responses, self.sizes.num_categories) - expected).unsqueeze(1)
        information = self._information(probabilities, expected).unsqueeze(1)  # (B, 1)
        variance = self.log_variance.exp()
        lost = beliefs.lost_by_skill.gather(1, slots)  # (B, S)
        of_overall, of_skill = variance[0] * (1 - beliefs.lost), variance[1] * (1 - lost)
        touched = slots.ne(PADDING).to(lost.dtype)
        share = touched / touched.sum(-1, keepdim=True).clamp(min=1)
        total = of_overall + (share.square() * of_skill).sum(1, keepdim=True)
        gain = 1 / (1 + information * total)
        growth = (self.log_growth - self.log_variance).exp()
        # The surprise is of credit in [0, 1], K - 1 steps wide on the logit scale.
        pull = surprise * (self.sizes.num_categories - 1) * gain
        told = (1 - beliefs.lost) * of_overall * information * gain - growth[0]
        told_by_skill = (1 - lost) * share.square() * of_skill * information * gain - growth[1]
        return _Beliefs(
            overall=beliefs.overall + of_overall * pull,
            lost=(beliefs.lost + told).clamp(min=0),
            means=beliefs.means.scatter_add(1, slots, share * of_skill * pull),
            lost_by_skill=beliefs.lost_by_skill.scatter_add(
                1, slots, touched * torch.maximum(told_by_skill, -lost)
            ),
        )

    def _information(self, probabilities: Tensor, expected: Tensor) -> Tensor:
        """Return the variance of the category, which is what an answer tells of the score (Muraki, 1993)."""
        steps = self.sizes.num_categories - 1
        category = torch.arange(steps + 1, device=probabilities.device, dtype=probabilities.dtype)
        squares = (probabilities * (category - steps * expected.unsqueeze(-1)).square()).sum(-1)
        return squares.clamp(min=LEAST_INFORMATION)

    def _parts(self, state: Tensor) -> _Beliefs:
        n = self.slots.num_slots
        return _Beliefs(state[:, :1], state[:, 1:2], state[:, 2 : 2 + n], state[:, 2 + n :])
