"""The counter of simple tutors: a right answer adds 0.08 to a skill's mastery, a wrong one takes 0.04, within [0, 1].

A named fallback that needs no training data to keep its state.

Unusual here:
- mastery is the counter, but how often counters of 0.3 answer right is learnt: a rising logistic curve over it
- a graded answer of credit c moves the counter by c * 0.08 - (1 - c) * 0.04
- it tells items apart by their skills alone; of an item with several skills the mean counter speaks
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.layers import category_logits, mean_over_skills, response_credit, thresholds_from_counts
from knowtrace.models.ranges import check_ranges
from knowtrace.models.skill_sums import SkillSums, is_touched


@dataclass(frozen=True, kw_only=True)
class CounterConfig:
    """What a right answer adds to a counter and what a wrong one takes."""

    gain: float = 0.08
    loss: float = 0.04

    def __post_init__(self) -> None:
        check_ranges(self, gain=(1e-6, 1), loss=(0, 1))


class Counter(ResponseModel):
    """State (slots): a counter in [0, 1] per skill, 0 at first."""

    reads_items = False

    def __init__(self, config: CounterConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.counters = SkillSums(sizes.num_skills, 1)
        self.thresholds = nn.Parameter(torch.zeros(sizes.num_categories - 1))
        # In log space, so that a higher counter never lowers the expected credit.
        self.log_slope = nn.Parameter(torch.tensor(1.0))

    def start_from(self, answers: TrainingAnswers) -> None:
        overall = answers.counts[0].sum(0, keepdim=True)
        with torch.no_grad():
            self.thresholds.copy_(thresholds_from_counts(overall, prior_answers=1.0)[0])

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.thresholds.new_zeros(num_students, self.counters.size)

    def forward(self, batch: Batch) -> Tensor:
        slots = self.counters.slots_of(batch.skills)
        state = torch.zeros(len(slots), self.counters.size, device=slots.device)
        seen: list[Tensor] = []
        for t in range(slots.shape[1]):
            seen.append(state.gather(1, slots[:, t]))  # (B, S)
            state = self._moved(state, slots[:, t], batch.responses[:, t])
        return self._logits(torch.stack(seen, dim=1), slots)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return self._moved(state, self.counters.slots_of(answer.skills), answer.responses)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        slots = self.counters.slots_of(asked.skills)
        return self._logits(self.counters.read(state, slots).squeeze(-1), slots).softmax(-1)

    def _moved(self, state: Tensor, slots: Tensor, responses: Tensor) -> Tensor:
        credit = response_credit(responses, self.sizes.num_categories).unsqueeze(1)
        change = credit * self.config.gain - (1 - credit) * self.config.loss
        touched = is_touched(slots, self.counters.num_slots).to(state.dtype)
        return (state + touched * change).clamp(0.0, 1.0)

    def _logits(self, counters: Tensor, slots: Tensor) -> Tensor:
        """counters and slots (B, N, S) -> (B, N, K)."""
        return category_logits(self.log_slope.exp() * mean_over_skills(counters, slots), self.thresholds)
