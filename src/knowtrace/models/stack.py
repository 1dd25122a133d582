"""Several models as one: their log-probabilities weighed and added (Wolpert, 1992, stacked generalisation).

Unusual here:
- `knowtrace stack` takes trained members as they are and fits the weights alone, on the validation students
- the state is the members' states end to end, so a stack is served as any other model
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.models.contract import Answer, Asked, Batch, ResponseModel, Sizes, TrainingAnswers


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The members, each with its model's `name` and `settings`; none stands for the usual ones."""

    members: Sequence[dict[str, Any]] = ()


class Stack(ResponseModel):
    """State: the states of all members."""

    def __init__(self, config: StackConfig, sizes: Sizes, members: Sequence[ResponseModel]) -> None:
        super().__init__(sizes)
        self.config = config
        self.members = nn.ModuleList(members)
        self.weights = nn.Parameter(torch.full((len(members),), 1.0 / len(members)))
        self.bias = nn.Parameter(torch.zeros(sizes.num_categories - 1))
        self._widths = [member.initial_state().shape[1] for member in members]

    def start_from(self, answers: TrainingAnswers) -> None:
        for member in self._all():
            member.start_from(answers)

    def num_learnt(self) -> int:
        return self.weights.numel() + self.bias.numel() + sum(member.num_learnt() for member in self._all())

    def forward(self, batch: Batch) -> Tensor:
        return self.blend([member(batch).log_softmax(-1) for member in self._all()])

    def blend(self, members: Sequence[Tensor]) -> Tensor:
        """Return logits (..., K) from each member's log-probabilities (..., K)."""
        weighed = torch.stack(list(members), dim=-1) @ self.weights
        return weighed + F.pad(self.bias, (1, 0))

    def initial_state(self, num_students: int = 1) -> Tensor:
        return torch.cat([member.initial_state(num_students) for member in self._all()], dim=-1)

    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        parts = zip(self._all(), state.split(self._widths, dim=-1), strict=True)
        return torch.cat([member.observe(part, answer) for member, part in parts], dim=-1)

    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        parts = zip(self._all(), state.split(self._widths, dim=-1), strict=True)
        return self.blend([member.predict(part, asked).log() for member, part in parts]).softmax(-1)

    def _all(self) -> list[ResponseModel]:
        return [member for member in self.members if isinstance(member, ResponseModel)]
