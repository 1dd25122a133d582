"""The two calls that every response model answers, and the batch it learns from (ADR-0002)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Answers of B students over T steps, at most S skills each; index 0 is padding.

    items (B, T) · skills (B, T, S) · responses (B, T) in 0..K-1 · valid (B, T), True where an answer is real.
    Real steps come first; padding follows.
    """

    items: Tensor
    skills: Tensor
    responses: Tensor
    valid: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(
            self.items.to(device), self.skills.to(device), self.responses.to(device), self.valid.to(device)
        )


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a model's tables are: rows for items and skills (padding and unseen included), categories K."""

    num_items: int
    num_skills: int
    num_categories: int


class ResponseModel(nn.Module, ABC):
    """A filter over a student's state: `observe` an answer, `predict` the next; `forward` is both, for all steps.

    The state of a student is one flat float vector of constant size D, whatever the model keeps in it.
    Written for K response categories; a binary item has K = 2. Shapes: B students, T steps, N asked items,
    S skills per item.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Return category logits (B, T, K); step t sees responses before t and items up to t."""

    @abstractmethod
    def initial_state(self, num_students: int = 1) -> Tensor:
        """Return the state (B, D) of students of whom nothing is known."""

    @abstractmethod
    def observe(self, state: Tensor, items: Tensor, skills: Tensor, responses: Tensor) -> Tensor:
        """Return the state (B, D) after one answer each: items (B,), skills (B, S), responses (B,)."""

    @abstractmethod
    def predict(self, state: Tensor, items: Tensor, skills: Tensor) -> Tensor:
        """Return category probabilities (B, N, K) of items (B, N) with skills (B, N, S)."""

    def start_from(self, category_counts: Tensor) -> None:
        """Set what can be read off training data before any step: counts (num_items, K) of training answers.

        Models that learn everything by gradient leave this alone.
        """
