"""Best-LR with fading counts, the last answers and item statistics (Schmucker et al., JEDM 14(1), 2022).

Logistic regression on `running_features` (counts, fading and recent surprises, gaps) and `item_statistics`, both as
our own recurrent model sees them, and on which of the last answers were above expectation.

Unusual here:
- an item is its statistics, read off training answers without the student's own group, not a weight of its own
- windows in time are sums that fade with each answer, and the gap in days since the skill was met
- the pattern of the last answers is one of 63: none to five of them, each above or below the item's mean
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.domain import PADDING
from knowtrace.models import running_features as running
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_statistics import NUM_STATISTICS, ItemStatistics
from knowtrace.models.layers import category_logits, hide_items, mean_over_skills, response_credit
from knowtrace.models.ranges import check_ranges
from knowtrace.models.running_features import NUM_FEATURES, Past, Sums

LAST = 5
NUM_PATTERNS = 2 ** (LAST + 1)


@dataclass(frozen=True, kw_only=True)
class BestLRPlusConfig:
    """`hidden_items`: the share of training answers whose item is hidden, as one that training never saw."""

    hidden_items: float = 0.02

    def __post_init__(self) -> None:
        check_ranges(self, hidden_items=(0, 1))


class BestLRPlus(ResponseModel):
    """State: the running sums."""

    def __init__(self, config: BestLRPlusConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.statistics = ItemStatistics(sizes)
        self.linear = nn.Linear(NUM_STATISTICS + NUM_FEATURES, 1)
        self.pattern = nn.Embedding(NUM_PATTERNS, 1)
        self.skill = nn.Embedding(running.num_slots(sizes.num_skills), 3, padding_idx=PADDING)
        for weight in (self.linear.weight, self.linear.bias, self.pattern.weight, self.skill.weight):
            nn.init.zeros_(weight)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.statistics.start_from(answers)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.linear.weight.new_zeros(num_students, running.state_size(self.sizes.num_skills))

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        statistics, thresholds = self.statistics.of_batch(batch, items)
        positions = self.statistics.positions_of(items)
        credit = response_credit(batch.responses, self.sizes.num_categories)
        slots = running.slots_of(batch.skills, self.sizes.num_skills)
        past = running.pasts(batch, credit, statistics[..., -1].sigmoid(), positions, slots)
        score = self._score(past, statistics, slots, positions, batch.lags)
        return category_logits(score, thresholds)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        statistics, _ = self.statistics(answer.items)
        return Sums(state, self.sizes.num_skills).after(
            answer,
            response_credit(answer.responses, self.sizes.num_categories),
            statistics[..., -1].sigmoid(),
            self.statistics.positions_of(answer.items),
            running.slots_of(answer.skills, self.sizes.num_skills),
        )

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        statistics, thresholds = self.statistics(asked.items)
        slots = running.slots_of(asked.skills, self.sizes.num_skills)
        past = Sums(state, self.sizes.num_skills).past(slots)
        lags = asked.lags.unsqueeze(1).expand(-1, asked.items.shape[1])
        score = self._score(past, statistics, slots, self.statistics.positions_of(asked.items), lags)
        return category_logits(score, thresholds).softmax(-1)

    def _score(
        self, past: Past, statistics: Tensor, slots: Tensor, positions: Tensor, lags: Tensor
    ) -> Tensor:
        seen = torch.cat([statistics, running.features(past, slots, positions, lags)], dim=-1)
        right, answers = past.by_skill[..., 0], past.by_skill[..., 1]
        weights = self.skill(slots)  # (B, N, S, 3)
        wrong = (answers - right).clamp(min=0)
        per_skill = weights[..., 0] * right.log1p() + weights[..., 1] * wrong.log1p() + weights[..., 2]
        score = self.linear(seen).squeeze(-1) + mean_over_skills(per_skill, slots)
        return score + self.pattern(_pattern(past)).squeeze(-1)


def _pattern(past: Past) -> Tensor:
    """Return which of the 63 patterns the last answers show: a leading one, then a bit an answer, oldest first."""
    index = torch.ones_like(past.given[..., 0])
    for n in range(LAST, 0, -1):
        above = past.surprises[..., -n].gt(0).to(index.dtype)
        index = torch.where(past.given[..., -n].gt(0), 2 * index + above, index)
    return index.long()
