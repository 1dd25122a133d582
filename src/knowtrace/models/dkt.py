"""Deep Knowledge Tracing at item level: an LSTM over past answers (Piech et al., 2015, arXiv:1506.05908).

Items rather than skills are what is answered and asked, as in qDKT (Sonkar et al., 2020, arXiv:2005.12442).

Unusual here:
- an item is its own vector plus the mean of its skills' vectors, so several skills make one step, not several
- a past answer enters as its item vector placed by its credit: (right part, wrong part)
- all items share a part of their vector, large at the start, so that the response itself is heard at once
- a batch maps each distinct item once, dropout's mask included; the steps themselves are in `recurrence.py`
- the asked item meets the state in a small network, so two items can get different probabilities
- item thresholds start at the item means of the training data
- in training a share of items is hidden, which teaches what to expect of an item never seen
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers
from knowtrace.models.item_vectors import ItemVectors
from knowtrace.models.layers import (
    PRIOR_ANSWERS,
    Dropout,
    ItemThresholds,
    category_logits,
    distinct,
    hide_items,
    mean_over_skills,
    mean_skill_vector,
    response_credit,
)
from knowtrace.models.ranges import check_ranges
from knowtrace.models.recurrence import Steps, lstm

WIDEST_HIDDEN = 1024
"""Two floats of state per unit: beyond it a state exceeds its 8 KiB (ADR-0002)."""


@dataclass(frozen=True, kw_only=True)
class DKTConfig:
    """Width of the vectors and of the LSTM, dropout, the share of hidden items, and the shrinkage of item means."""

    embedding_dim: int = 128
    hidden_dim: int = 128
    dropout: float = 0.5
    hidden_items: float = 0.1
    prior_answers: float = 5.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            embedding_dim=(1, 4096),
            hidden_dim=(1, WIDEST_HIDDEN),
            dropout=(0, 1),
            hidden_items=(0, 1),
            prior_answers=PRIOR_ANSWERS,
        )


class DKT(ResponseModel):
    """State (2 * hidden_dim): the LSTM's output and its cell."""

    def __init__(self, config: DKTConfig, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.config = config
        width, hidden = config.embedding_dim, config.hidden_dim
        self.vectors = ItemVectors(sizes, width)
        self.rnn = nn.LSTM(2 * width, hidden, batch_first=True)
        self.asked = nn.Linear(width, hidden)
        self.known = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, 1)
        self.thresholds = ItemThresholds(sizes.num_items, sizes.num_categories)
        self.skill_threshold = nn.Embedding(sizes.num_skills, 1, padding_idx=PADDING)
        self.dropout = Dropout(config.dropout)
        nn.init.zeros_(self.skill_threshold.weight)

    def start_from(self, answers: TrainingAnswers) -> None:
        self.thresholds.start_from(answers, prior_answers=self.config.prior_answers)

    def forward(self, batch: Batch) -> Tensor:
        steps = Steps.of(batch.valid)
        items, skills, responses = (
            steps.take(x) for x in (batch.items, batch.skills, batch.responses)
        )  # (N, ...)
        if self.training:
            items = hide_items(items, self.config.hidden_items)
        # What is answered and asked repeats within a batch, so it is mapped once per distinct item: M of N.
        where, which = distinct(items, *skills.unbind(-1))
        vectors = self.vectors(items[where], skills[where])  # (M, E)
        gates = self._answer_gates(self.dropout(vectors))  # (1 + M * K, 4H)
        answered = 1 + which * self.sizes.num_categories + responses
        hidden = lstm(gates, steps.delay(answered, first=0), self.rnn.all_weights[0][1], steps)  # (N, H)
        asked = self.asked(vectors).index_select(0, which)  # (N, H)
        meeting = torch.relu(self.known(self.dropout(hidden)) + asked)  # (N, H)
        score = self.out(self.dropout(meeting)).squeeze(-1)  # (N,)
        return steps.put(self._logits(score, items, skills), batch.items)

    def initial_state(self, num_students: int = 1) -> Tensor:
        state = self.out.weight.new_zeros(num_students, 2 * self.config.hidden_dim)
        # `forward` reads the state after one empty step, because the history is shifted by one.
        return self._step(state, state.new_zeros(num_students, 2 * self.config.embedding_dim))

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        return self._step(state, self._answers(self.vectors(answer.items, answer.skills), answer.responses))

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        hidden = state[:, : self.config.hidden_dim]
        # The asked vectors are linear in the tables, so the tables are mapped first: constants that the step
        # runtime folds once, which leaves a look-up per asked item.
        items_with_common = self.vectors.common + self.vectors.item.of_all()  # (num_items, E)
        item_table = F.linear(items_with_common, self.asked.weight, self.asked.bias)  # (num_items, H)
        skill_table = F.linear(self.vectors.skill.weight, self.asked.weight)  # (num_skills, H)
        vectors = F.embedding(asked.items, item_table) + mean_skill_vector(skill_table, asked.skills)
        meeting = torch.relu(self.known(hidden).unsqueeze(1) + vectors)  # (B, N, H)
        score = self.out(meeting).squeeze(-1)  # (B, N)
        return self._logits(score, asked.items, asked.skills).softmax(-1)

    def as_recurrence(self) -> dict[str, Tensor]:
        from_answers, from_hidden, bias_answers, bias_hidden = self.rnn.all_weights[0]
        right, wrong = from_answers.chunk(2, dim=1)
        credits = response_credit(torch.arange(self.sizes.num_categories), self.sizes.num_categories).tolist()
        items = self.vectors.common + self.vectors.item.of_all()
        return {
            "item_vectors": items,
            "skill_vectors": self.vectors.skill.weight,
            "gates": torch.stack(
                [torch.cat([c * right + (1 - c) * wrong, from_hidden], dim=1) for c in credits]
            ),
            "gate_bias": bias_answers + bias_hidden,
            "item_meets": F.linear(items, self.asked.weight, self.asked.bias),
            "skill_meets": F.linear(self.vectors.skill.weight, self.asked.weight),
            "known": self.known.weight,
            "out": self.out.weight[0],
            "item_thresholds": self.thresholds.of_all() - self.out.bias,
            "skill_thresholds": self.skill_threshold.weight[:, 0],
        }

    def _answers(self, vectors: Tensor, responses: Tensor) -> Tensor:
        credit = response_credit(responses, self.sizes.num_categories).unsqueeze(-1)
        return torch.cat([vectors * credit, vectors * (1 - credit)], dim=-1)

    def _answer_gates(self, vectors: Tensor) -> Tensor:
        """Return what enters the gates: a row for no answer yet, then one per vector (M, E) and category."""
        from_answers, _, bias_answers, bias_hidden = self.rnn.all_weights[0]
        bias = bias_answers + bias_hidden  # (4H,)
        right, wrong = (F.linear(vectors, part).unsqueeze(1) for part in from_answers.chunk(2, dim=1))
        categories = torch.arange(self.sizes.num_categories, device=vectors.device)
        credit = response_credit(categories, self.sizes.num_categories).unsqueeze(-1)  # (K, 1)
        answers = wrong + credit * (right - wrong) + bias  # (M, K, 4H)
        return torch.cat([bias.unsqueeze(0), answers.flatten(0, 1)])

    def _step(self, state: Tensor, answers: Tensor) -> Tensor:
        hidden, cell = state.chunk(2, dim=-1)
        from_answers, from_hidden, bias_answers, bias_hidden = self.rnn.all_weights[0]
        gates = F.linear(answers, from_answers, bias_answers) + F.linear(hidden, from_hidden, bias_hidden)
        enter, forget, candidate, leave = gates.chunk(4, dim=-1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        return torch.cat([leave.sigmoid() * cell.tanh(), cell], dim=-1)

    def _logits(self, score: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        harder = mean_over_skills(self.skill_threshold(skills).squeeze(-1), skills)
        return category_logits(score - harder, self.thresholds(items))
