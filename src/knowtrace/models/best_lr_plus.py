"""Best-LR with fading counts, the last answers and item statistics (Schmucker et al., JEDM 14(1), 2022).

Logistic regression on `running_features` (counts, fading and recent surprises, gaps) and `item_statistics`, both as
our own recurrent model sees them, and on which of the last answers were above expectation.

Unusual here:
- an item is its statistics, read off training answers without the student's own group, not a weight of its own
- windows in time are sums that fade with each answer, and the gap in days since the skill was met; with the setting
  `windows` also sums that fade by the clock (`clock_windows.py`)
- the pattern of the last answers is one of 63: none to five of them, each above or below the item's mean
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from knowtrace.domain import PADDING
from knowtrace.models import running_sums as running
from knowtrace.models.clock_windows import ClockWindows
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.evidence import NUM_KNOWN, Evidence, Known
from knowtrace.models.layers import category_logits, hide_items, mean_over_skills
from knowtrace.models.ranges import check_ranges
from knowtrace.models.running_sums import OVERALL_PARTS, SKILL_PARTS, Past

LAST = 5
NUM_PATTERNS = 2 ** (LAST + 1)


@dataclass(frozen=True, kw_only=True)
class BestLRPlusConfig:
    """`hidden_items`: the share of training answers whose item is hidden, as one that training never saw; `windows`:
    whether answers of the last hour, day, week and month are counted apart, where times are known."""

    hidden_items: float = 0.02
    windows: bool = False

    def __post_init__(self) -> None:
        check_ranges(self, hidden_items=(0, 1))


class BestLRPlus(ResponseModel):
    """State: the running sums, then those of the windows, if there are any."""

    def __init__(self, config: BestLRPlusConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.evidence = Evidence(sizes)
        self.linear = nn.Linear(NUM_KNOWN, 1)
        self.windows = ClockWindows(sizes.num_skills, sizes.num_categories) if config.windows else None
        self.pattern = nn.Embedding(NUM_PATTERNS, 1)
        self.skill = nn.Embedding(running.num_slots(sizes.num_skills), 3, padding_idx=PADDING)
        for weight in (self.linear.weight, self.linear.bias, self.pattern.weight, self.skill.weight):
            nn.init.zeros_(weight)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.evidence.start_from(answers)

    def initial_state(self, num_students: int = 1) -> Tensor:
        size = self.evidence.state_size + (self.windows.size if self.windows else 0)
        return self.linear.weight.new_zeros(num_students, size)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        before = self.evidence.of_batch(batch, items).before
        return category_logits(
            self._score(before, self.windows.of_batch(batch) if self.windows else None), before.thresholds
        )

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        past, lately = self._parts(state)
        after = self.evidence.observe(past, answer)[1]
        return torch.cat([after, self.windows.after(lately, answer)], dim=-1) if self.windows else after

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        past, lately = self._parts(state)
        before = self.evidence.of_asked(past.unsqueeze(1), asked)
        score = self._score(before, self.windows.of_asked(lately, asked) if self.windows else None)
        return category_logits(score, before.thresholds).softmax(-1)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return state[:, : self.evidence.state_size], state[:, self.evidence.state_size :]

    def _score(self, before: Known, lately: Tensor | None) -> Tensor:
        _, answers, right, _ = before.past.by_skill.split(SKILL_PARTS, dim=-1)
        wrong = (answers[..., :1] - right).clamp(min=0)
        counts = torch.cat([right.log1p(), wrong.log1p(), torch.ones_like(right)], dim=-1)
        per_skill = (self.skill(before.slots) * counts).sum(-1)  # (..., S)
        score = self.linear(before.known).squeeze(-1) + mean_over_skills(per_skill, before.slots)
        score = score + self.pattern(_pattern(before.past)).squeeze(-1)
        return score if lately is None else score + lately


def _pattern(past: Past) -> Tensor:
    """Return which of the 63 patterns the last answers show: a leading one, then a bit an answer, oldest first."""
    num_answers = past.overall.split(OVERALL_PARTS, dim=-1)[1][..., 0]
    index = torch.ones_like(num_answers)
    for n in range(LAST, 0, -1):
        above = past.surprises[..., -n].gt(0).to(index.dtype)
        index = torch.where(num_answers.ge(n), 2 * index + above, index)
    return index.long()
