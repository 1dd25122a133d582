"""DAS3H: how often and how lately each skill was practised and answered right (Choffin et al., EDM 2019).

The logit of a right answer is the item's easiness plus, for each of its skills, a constant and the weighted
log(1 + right) and log(1 + attempts) within an hour, a day, a week, a month and for ever.

Unusual here:
- a window needs every answer's time; a count that fades by e over the window's length needs one number, so the state
  is constant: an exponential window in place of a rectangular one
- a new student's ability is unknown: in its place stand the same counts over all skills
- without recorded times nothing fades, and all windows are the last one
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.domain import PADDING
from knowtrace.models.clock_windows import WINDOW_DAYS
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.layers import (
    PRIOR_ANSWERS,
    ItemThresholds,
    category_logits,
    hide_items,
    mean_over_skills,
    response_credit,
)
from knowtrace.models.ranges import check_ranges
from knowtrace.models.running_sums import days
from knowtrace.models.skill_sums import SkillSums

WIDTH = 2 * (len(WINDOW_DAYS) + 1)
"""Credit and attempts in each window and for ever."""


@dataclass(frozen=True, kw_only=True)
class DAS3HConfig:
    """`prior_answers` shrinks the item difficulties that training starts from; `hidden_items` is the share of
    training answers whose item is hidden, which teaches the weights of items that training never saw."""

    prior_answers: float = 5.0
    hidden_items: float = 0.02

    def __post_init__(self) -> None:
        check_ranges(self, prior_answers=PRIOR_ANSWERS, hidden_items=(0, 1))


class DAS3H(ResponseModel):
    """State (WIDTH + WIDTH * slots): the fading counts over all answers, then those of each skill."""

    rates: Tensor

    def __init__(self, config: DAS3HConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.sums = SkillSums(sizes.num_skills, WIDTH)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.overall = nn.Parameter(torch.tensor([0.02, -0.02]).repeat(WIDTH // 2))
        self.shared = nn.Parameter(torch.tensor([0.06, -0.06]).repeat(WIDTH // 2))
        self.skill = nn.Embedding(self.sums.num_slots, 1 + WIDTH, padding_idx=PADDING)
        nn.init.zeros_(self.skill.weight)
        rates = torch.tensor([*(1 / days for days in WINDOW_DAYS), 0.0])
        self.register_buffer("rates", rates.repeat_interleave(2))

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.overall.new_zeros(num_students, WIDTH + self.sums.size)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        slots, added = self.sums.slots_of(batch.skills), self._added(batch.responses)
        everything = SkillSums(2, WIDTH)
        one = torch.ones_like(slots[..., :1])
        overall = everything.before(batch, one, added, self.rates).squeeze(-2)
        by_skill = self.sums.before(batch, slots, added, self.rates)
        return self._logits(overall, by_skill, slots, items)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        kept, added = self._kept(answer.lags), self._added(answer.responses)
        overall, by_skill = state[:, :WIDTH] * kept + added, state[:, WIDTH:]
        slots = self.sums.slots_of(answer.skills)
        return torch.cat([overall, self.sums.after(by_skill, slots, added, kept)], dim=-1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        kept = self._kept(asked.lags).unsqueeze(1)  # (B, 1, WIDTH)
        slots = self.sums.slots_of(asked.skills)
        overall = state[:, None, :WIDTH] * kept
        by_skill = self.sums.read(state[:, WIDTH:], slots) * kept.unsqueeze(2)
        return self._logits(overall, by_skill, slots, asked.items).softmax(-1)

    def _kept(self, lags: Tensor) -> Tensor:
        return torch.exp(-self.rates * days(lags).unsqueeze(-1))

    def _added(self, responses: Tensor) -> Tensor:
        credit = response_credit(responses, self.sizes.num_categories)
        pair = torch.stack([credit, torch.ones_like(credit)], dim=-1)
        return pair.repeat(*[1] * responses.ndim, WIDTH // 2)

    def _logits(self, overall: Tensor, by_skill: Tensor, slots: Tensor, items: Tensor) -> Tensor:
        """overall (B, N, WIDTH), by_skill (B, N, S, WIDTH), slots (B, N, S), items (B, N) -> (B, N, K)."""
        own = self.skill(slots)  # (B, N, S, 1 + WIDTH)
        per_skill = own[..., 0] + (by_skill.log1p() * (own[..., 1:] + self.shared)).sum(-1)
        score = (overall.log1p() * self.overall).sum(-1) + mean_over_skills(per_skill, slots)
        return category_logits(score, self.thresholds(items))
