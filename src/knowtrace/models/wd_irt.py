"""Wide and deep item response theory: a network says the ability, a table says what each item measures.

Deep: a minimal gated recurrence (Feng et al., 2024, arXiv:2410.01201) over past answers gives the student's ability on
the asked skills. Wide: discrimination a, difficulty b and guessing c of each item; with two categories
p = c + (1 - c) sigmoid(a (ability - b)), the three-parameter logistic model (Birnbaum, 1968), with more the generalized
partial credit model (Muraki, 1992), without guessing.

Unusual here:
- an item's parameters are those of its skills and what its content says, plus n / (n + item_prior) times its own: an
  item without answers has exactly the former, and `item_parameters` gives every item's with standard error and n
- a in (1/4, 4), c in (0, most_guessing), ability in (-4, 4)
- what is known only after an answer, such as the time it took, enters with that answer, never before
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models.contract import Answer, Asked, Batch, ItemRow, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_content import ContentShift
from knowtrace.models.layers import (
    Dropout,
    ItemTable,
    category_logits,
    expected_score,
    hide_items,
    mean_skill_vector,
    response_credit,
    shift_right,
    starting_thresholds,
    thresholds_from_counts,
)
from knowtrace.models.linear_scan import linear_scan, min_gru
from knowtrace.models.ranges import check_ranges
from knowtrace.models.running_sums import days
from knowtrace.models.skill_sums import at_least_one
from knowtrace.models.wide_parameters import MOST_GUESSING, STEEPEST, STRONGEST, Wide, item_rows

NUM_TIMES = 4
"""Of an answer: log of the lag and whether it is known, log of the elapsed time and whether it is known."""


@dataclass(frozen=True, kw_only=True)
class WDIRTConfig:
    """Widths of recurrence, skill vectors and output network; dropout; the highest guessing; hidden items; the answers
    at which an item's own parameters count half."""

    hidden_dim: int = 128
    skill_dim: int = 32
    output_dim: int = 64
    dropout: float = 0.2
    most_guessing: float = 0.3
    hidden_items: float = 0.02
    item_prior: float = 10.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            hidden_dim=(1, 2_048),
            skill_dim=(1, 1_024),
            output_dim=(1, 4_096),
            dropout=(0, 1),
            most_guessing=(1e-3, MOST_GUESSING),
            hidden_items=(0, 1),
            item_prior=(1e-3, 1e6),
        )


class WDIRT(ResponseModel):
    """State (hidden_dim): the recurrence."""

    item_weight: Tensor

    def __init__(self, config: WDIRTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        self.guesses = sizes.num_categories == 2
        width = sizes.num_categories + self.guesses  # a, then b, then c
        self.common = nn.Parameter(torch.zeros(width))
        self.of_skill = nn.Embedding(sizes.num_skills, width, padding_idx=PADDING)
        self.of_item = ItemTable(sizes.num_items, width)
        self.content = ContentShift()
        self.register_buffer("item_weight", torch.zeros(sizes.num_items))
        self.skill = nn.Embedding(sizes.num_skills, config.skill_dim, padding_idx=PADDING)
        self.enter = nn.Linear(2 * config.skill_dim + NUM_TIMES + 3, 2 * config.hidden_dim)
        self.meet = nn.Linear(config.hidden_dim + config.skill_dim + NUM_TIMES // 2, config.output_dim)
        self.out = nn.Linear(config.output_dim, 1)
        self.dropout = Dropout(config.dropout)
        nn.init.zeros_(self.of_skill.weight)
        nn.init.normal_(self.skill.weight, std=0.1)
        with torch.no_grad():
            self.skill.weight[PADDING] = 0
            if self.guesses:
                self.common[-1] = -2.0

    def start_from(self, answers: TrainingAnswers) -> None:
        counts = answers.counts[0]
        num_answers = counts.sum(-1)
        self.item_weight.copy_(num_answers / (num_answers + self.config.item_prior))
        overall = thresholds_from_counts(counts.sum(0, keepdim=True), prior_answers=1.0)[0]
        start, shift = starting_thresholds(answers, prior_answers=1.0)
        own = start - overall
        self.content.keep(shift)
        with torch.no_grad():
            self.common[1 : 1 + len(overall)] = overall
            self.of_item.weight[PADDING + 1 :, 1 : 1 + len(overall)] = own[PADDING + 1 :]

    def initial_state(self, num_students: int = 1) -> Tensor:
        return self.common.new_zeros(num_students, self.config.hidden_dim)

    def forward(self, batch: Batch) -> Tensor:
        wide, ability = self.measure(batch)
        return self._logits(ability, wide)

    def measure(self, batch: Batch) -> tuple[Wide, Tensor]:
        """Return the parameters of each step's item and the ability (B, T) that it meets."""
        items = hide_items(batch.items, self.config.hidden_items) if self.training else batch.items
        skills = at_least_one(batch.skills)
        wide = self.wide(items, skills)
        kept, entering = self._gates(wide, skills, batch.responses, batch.lags, batch.elapsed)
        hidden = shift_right(linear_scan(kept, entering))
        return wide, self._ability(hidden, skills, batch.lags)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        skills = at_least_one(answer.skills)
        wide = self.wide(answer.items, skills)
        kept, entering = self._gates(wide, skills, answer.responses, answer.lags, answer.elapsed)
        return kept * state + entering

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        skills, num_asked = at_least_one(asked.skills), asked.items.shape[1]
        hidden = state.unsqueeze(1).expand(-1, num_asked, -1)
        ability = self._ability(hidden, skills, asked.lags.unsqueeze(1).expand(-1, num_asked))
        return self._logits(ability, self.wide(asked.items, skills)).softmax(-1)

    @torch.inference_mode()
    def item_parameters(self, answers: TrainingAnswers) -> list[ItemRow]:
        self.eval()
        every = self.wide(torch.arange(self.sizes.num_items), at_least_one(answers.item_skills))
        measured = ((batch, *self.measure(batch)) for batch in answers.batches())
        return item_rows(every, measured, guesses=self.guesses, item_prior=self.config.item_prior)

    def item_curves(self, item_skills: Tensor) -> dict[str, Tensor]:
        wide = self.wide(torch.arange(self.sizes.num_items), at_least_one(item_skills))
        return {
            "difficulty": wide.difficulty.mean(-1),
            "discrimination": wide.discrimination,
            "guessing": wide.guessing,
        }

    def wide(self, items: Tensor, skills: Tensor) -> Wide:
        """Return the parameters of items (...) with skills (..., S)."""
        weight = F.embedding(items, self.item_weight.unsqueeze(-1))  # (..., 1)
        raw = self.common + mean_skill_vector(self.of_skill.weight, skills) + weight * self.of_item(items)
        bound = math.log(STEEPEST)
        difficulty = self.content(items, raw[..., 1 : self.sizes.num_categories])
        guessing = self.config.most_guessing * raw[..., -1].sigmoid()
        return Wide(
            discrimination=(bound * (raw[..., 0] / bound).tanh()).exp(),
            difficulty=difficulty,
            guessing=guessing if self.guesses else torch.zeros_like(guessing),
        )

    def _logits(self, ability: Tensor, wide: Wide) -> Tensor:
        slope = wide.discrimination
        logits = category_logits(slope * ability, slope.unsqueeze(-1) * wide.difficulty)
        if not self.guesses:
            return logits
        log_wrong, log_right = logits.log_softmax(-1).unbind(-1)
        rest = torch.log1p(-wide.guessing)
        return torch.stack([rest + log_wrong, torch.logaddexp(wide.guessing.log(), rest + log_right)], dim=-1)

    def _gates(
        self, wide: Wide, skills: Tensor, responses: Tensor, lags: Tensor, elapsed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the share of the state that is kept, and what enters: both (..., hidden_dim)."""
        credit = response_credit(responses, self.sizes.num_categories)
        expected = expected_score(self._logits(torch.zeros_like(credit), wide).softmax(-1))
        vector = self.dropout(mean_skill_vector(self.skill.weight, skills))
        numbers = torch.stack(
            [
                credit,
                credit - expected,
                wide.difficulty.mean(-1),
                *_lag_features(lags),
                elapsed.clamp(min=0).log1p() / 4,
                elapsed.ge(0).to(credit.dtype),
            ],
            dim=-1,
        )
        credit = credit.unsqueeze(-1)
        return min_gru(self.enter(torch.cat([numbers, vector * credit, vector * (1 - credit)], dim=-1)))

    def _ability(self, hidden: Tensor, skills: Tensor, lags: Tensor) -> Tensor:
        """hidden (..., hidden_dim), skills (..., S), lags (...) -> ability (...)."""
        asked = mean_skill_vector(self.skill.weight, skills)
        times = torch.stack(_lag_features(lags), dim=-1)
        met = F.silu(self.meet(torch.cat([self.dropout(hidden), asked, times], dim=-1)))
        raw = self.out(self.dropout(met)).squeeze(-1)
        return STRONGEST * (raw / STRONGEST).tanh()


def _lag_features(lags: Tensor) -> list[Tensor]:
    return [(days(lags) * 24).log1p(), lags.ge(0).to(lags.dtype)]
