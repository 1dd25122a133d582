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
from knowtrace.models import running_features as running
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_statistics import NUM_STATISTICS, ItemStatistics
from knowtrace.models.layers import (
    ItemTable,
    category_logits,
    hide_items,
    mean_skill_vector,
    response_credit,
    shift_right,
)
from knowtrace.models.linear_scan import linear_scan
from knowtrace.models.ranges import check_ranges
from knowtrace.models.running_features import NUM_FEATURES, OVERALL_DECAYS, SKILL_DECAYS, Past

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
    """State: recurrence (hidden_dim), overall sums (12), sums of each skill slot (7 each)."""

    item_weight: Tensor

    def __init__(self, config: MinGRUConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.statistics = ItemStatistics(sizes)
        self.skill = nn.Embedding(sizes.num_skills, config.skill_dim, padding_idx=PADDING)
        self.item = ItemTable(sizes.num_items, config.item_dim, std=0.01) if config.item_dim else None
        self.register_buffer("item_weight", torch.ones(sizes.num_items))
        num_seen = NUM_STATISTICS + NUM_FEATURES + config.skill_dim + config.item_dim
        num_answer = NUM_STATISTICS + NUM_FEATURES + 2 + 2 * (config.skill_dim + config.item_dim)
        self.enter = nn.Linear(num_answer, 2 * config.hidden_dim)
        self.meet = nn.Linear(config.hidden_dim + num_seen, config.output_dim)
        self.mix = nn.Linear(config.output_dim, config.output_dim)
        self.out = nn.Linear(config.output_dim, 1)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.skill.weight, std=0.1)
        # Close to nothing at first: the item statistics alone speak until something better is learnt.
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.skill.weight[[PADDING, UNSEEN]] = 0

    def start_from(self, answers: TrainingAnswers) -> None:
        self.statistics.start_from(answers)
        num_answers = answers.counts[0].sum(-1)
        self.item_weight = num_answers / (num_answers + self.config.item_prior)

    def forward(self, batch: Batch) -> Tensor:
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        statistics, thresholds = self.statistics.of_batch(batch, items)
        vectors = self._vectors(items, batch.skills)
        ranks = F.embedding(items, self.statistics.ranks.unsqueeze(-1)).squeeze(-1)
        credit = response_credit(batch.responses, self.sizes.num_categories)
        expected = statistics[..., -1].sigmoid()
        slots = running.slots_of(batch.skills, self.sizes.num_skills)
        values = running.added(credit, expected, ranks, batch.lags, batch.elapsed)
        past = running.pasts(values, credit, expected, slots, batch.valid)
        seen = torch.cat([statistics, running.features(past, slots, ranks, batch.lags)], dim=-1)
        kept, entering = self._gates(self._answers(seen, vectors, credit, expected))
        hidden = shift_right(linear_scan(kept, entering))
        return category_logits(self._score(hidden, seen, vectors), thresholds)

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.out.weight.new_zeros(
            num_students, self.config.hidden_dim + len(OVERALL_DECAYS) + self._num_sums
        )

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        hidden, overall, by_slot = self._parts(state)
        statistics, _ = self.statistics(answer.items)
        vectors = self._vectors(answer.items, answer.skills)
        ranks = F.embedding(answer.items, self.statistics.ranks.unsqueeze(-1)).squeeze(-1)
        credit = response_credit(answer.responses, self.sizes.num_categories)
        expected = statistics[..., -1].sigmoid()
        slots = running.slots_of(answer.skills, self.sizes.num_skills)
        past = Past(overall, _of_slots(by_slot, slots))
        seen = torch.cat([statistics, running.features(past, slots, ranks, answer.lags)], dim=-1)
        kept, entering = self._gates(self._answers(seen, vectors, credit, expected))

        overall = overall * overall.new_tensor(OVERALL_DECAYS)
        overall = overall + running.added(credit, expected, ranks, answer.lags, answer.elapsed)
        values = running.added_to_skills(credit, expected, overall[..., 1], overall[..., -1]).unsqueeze(1)
        touched = F.one_hot(slots, by_slot.shape[1]).sum(1).unsqueeze(-1)  # (B, slots, 1)
        touched = touched.clamp(max=1) * _is_real(by_slot.shape[1], touched.device)
        after = by_slot * by_slot.new_tensor(SKILL_DECAYS) + values
        by_slot = torch.where(touched.bool(), after, by_slot)
        return torch.cat([kept * hidden + entering, overall, by_slot.flatten(1)], dim=-1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        hidden, overall, by_slot = self._parts(state)
        num_asked = asked.items.shape[1]
        statistics, thresholds = self.statistics(asked.items)
        ranks = F.embedding(asked.items, self.statistics.ranks.unsqueeze(-1)).squeeze(-1)
        slots = running.slots_of(asked.skills, self.sizes.num_skills)
        by_skill = _of_slots(by_slot, slots.flatten(1)).view(*slots.shape, -1)
        past = Past(overall.unsqueeze(1).expand(-1, num_asked, -1), by_skill)
        lags = asked.lags.unsqueeze(1).expand(-1, num_asked)
        seen = torch.cat([statistics, running.features(past, slots, ranks, lags)], dim=-1)
        hidden = hidden.unsqueeze(1).expand(-1, num_asked, -1)
        score = self._score(hidden, seen, self._vectors(asked.items, asked.skills))
        return category_logits(score, thresholds).softmax(-1)

    def _vectors(self, items: Tensor, skills: Tensor) -> Tensor:
        of_skills = mean_skill_vector(self.skill.weight, skills)
        if self.item is None:
            return of_skills
        weight = F.embedding(items, self.item_weight.unsqueeze(-1))
        return torch.cat([of_skills, self.item(items) * weight], dim=-1)

    def _answers(self, seen: Tensor, vectors: Tensor, credit: Tensor, expected: Tensor) -> Tensor:
        credit, surprise = credit.unsqueeze(-1), (credit - expected).unsqueeze(-1)
        vectors = self.dropout(vectors)
        return torch.cat([seen, credit, surprise, vectors * credit, vectors * (1 - credit)], dim=-1)

    def _gates(self, answers: Tensor) -> tuple[Tensor, Tensor]:
        """Return the share of the state that is kept, and what enters: both (..., hidden_dim)."""
        gate, candidate = self.enter(answers).chunk(2, dim=-1)
        return (-gate).sigmoid(), gate.sigmoid() * candidate

    def _score(self, hidden: Tensor, seen: Tensor, vectors: Tensor) -> Tensor:
        met = F.silu(self.meet(torch.cat([self.dropout(hidden), seen, vectors], dim=-1)))
        met = F.silu(self.mix(self.dropout(met)))
        return self.out(self.dropout(met)).squeeze(-1)

    @property
    def _num_sums(self) -> int:
        return running.num_slots(self.sizes.num_skills) * len(SKILL_DECAYS)

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return recurrence (B, H), overall sums (B, 12) and sums by slot (B, slots, 7)."""
        hidden, overall, by_slot = state.split(
            [self.config.hidden_dim, len(OVERALL_DECAYS), self._num_sums], dim=-1
        )
        return hidden, overall, by_slot.unflatten(-1, (-1, len(SKILL_DECAYS)))


def _of_slots(by_slot: Tensor, slots: Tensor) -> Tensor:
    """Return the sums (B, M, 7) of slots (B, M); those of padding are zero, because no answer touches it."""
    return by_slot.gather(1, slots.unsqueeze(-1).expand(-1, -1, by_slot.shape[-1]))


def _is_real(num_slots: int, device: torch.device) -> Tensor:
    return torch.arange(num_slots, device=device).ne(PADDING).unsqueeze(-1)
