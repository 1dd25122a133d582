"""What a student got right and tried within the last hour, day, week and month, over all answers and in a skill.

A window needs every answer's time; a count that fades by e over the window's length needs one number, so the state is
constant: an exponential window in place of a rectangular one. Without recorded times nothing fades.
"""

import torch
from torch import Tensor, nn

from knowtrace.models.contract import Answer, Asked, Batch
from knowtrace.models.layers import mean_over_skills, response_credit
from knowtrace.models.running_sums import days
from knowtrace.models.skill_sums import SkillSums

WINDOW_DAYS = (1 / 24, 1.0, 7.0, 30.0)
WIDTH = 2 * len(WINDOW_DAYS)
"""Credit and attempts in each window."""

MOST_FLOATS = 600
"""Sums per skill; the running sums, which stand beside them in a state, leave no more of its 8 KiB."""


class ClockWindows(nn.Module):
    """A linear score of log(1 + sum) in each window. State (size): the sums overall, then those of each skill slot."""

    def __init__(self, num_skills: int, num_categories: int) -> None:
        super().__init__()
        self.num_categories = num_categories
        self.by_skill = SkillSums(num_skills, WIDTH, most_floats=MOST_FLOATS)
        self.overall_weights = nn.Parameter(torch.zeros(WIDTH))
        self.skill_weights = nn.Parameter(torch.zeros(WIDTH))

    @property
    def size(self) -> int:
        return WIDTH + self.by_skill.size

    def of_batch(self, batch: Batch) -> Tensor:
        """Return the score (B, T) before each answer of a batch."""
        slots, added = self.by_skill.slots_of(batch.skills), self._added(batch.responses)
        rates = self._rates()
        overall = SkillSums(2, WIDTH).before(batch, torch.ones_like(slots[..., :1]), added, rates)
        return self._score(overall.squeeze(-2), self.by_skill.before(batch, slots, added, rates), slots)

    def of_asked(self, state: Tensor, asked: Asked) -> Tensor:
        """Return the score (B, N) of asked items at states (B, size)."""
        kept = self._kept(asked.lags).unsqueeze(1)  # (B, 1, WIDTH)
        slots = self.by_skill.slots_of(asked.skills)
        by_skill = self.by_skill.read(state[:, WIDTH:], slots) * kept.unsqueeze(2)
        return self._score(state[:, None, :WIDTH] * kept, by_skill, slots)

    def after(self, state: Tensor, answer: Answer) -> Tensor:
        """Return the state (B, size) after one answer each."""
        kept, added = self._kept(answer.lags), self._added(answer.responses)
        slots = self.by_skill.slots_of(answer.skills)
        by_skill = self.by_skill.after(state[:, WIDTH:], slots, added, kept)
        return torch.cat([state[:, :WIDTH] * kept + added, by_skill], dim=-1)

    def _rates(self) -> Tensor:
        """Return the share a day (WIDTH,) by which each sum fades."""
        rates = self.overall_weights.new_tensor([1 / length for length in WINDOW_DAYS])
        return rates.repeat_interleave(2)

    def _kept(self, lags: Tensor) -> Tensor:
        return torch.exp(-self._rates() * days(lags).unsqueeze(-1))

    def _added(self, responses: Tensor) -> Tensor:
        credit = response_credit(responses, self.num_categories)
        pair = torch.stack([credit, torch.ones_like(credit)], dim=-1)
        return pair.repeat(*[1] * responses.ndim, len(WINDOW_DAYS))

    def _score(self, overall: Tensor, by_skill: Tensor, slots: Tensor) -> Tensor:
        """overall (B, N, WIDTH), by_skill (B, N, S, WIDTH), slots (B, N, S) -> (B, N)."""
        per_skill = (by_skill.log1p() * self.skill_weights).sum(-1)
        return (overall.log1p() * self.overall_weights).sum(-1) + mean_over_skills(per_skill, slots)
