"""The two calls that every response model answers, and the answers it learns from (ADR-0002)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGEST_STATE_BYTES = 2**20
"""Attention keeps a ring of this size at most; models that filter stay within 8 KiB (ADR-0002)."""


@dataclass(frozen=True)
class Answer:
    """One answer of each of B students: what `observe` takes.

    items (B,) · skills (B, S) · responses (B,) in 0..K-1 · lags (B,), seconds since the student's previous answer ·
    elapsed (B,), seconds spent on the item; both UNKNOWN_TIME where nobody recorded them.
    """

    items: Tensor
    skills: Tensor
    responses: Tensor
    lags: Tensor
    elapsed: Tensor


@dataclass(frozen=True)
class Asked:
    """N items asked of each of B students: what `predict` takes.

    items (B, N) · skills (B, N, S) · lags (B,), seconds from the student's last answer to the asking, or UNKNOWN_TIME.
    """

    items: Tensor
    skills: Tensor
    lags: Tensor


@dataclass(frozen=True)
class Batch:
    """Answers of B students over T steps, at most S skills each; index 0 is padding.

    items (B, T) · skills (B, T, S) · responses (B, T) in 0..K-1 · valid (B, T), True where an answer is real ·
    targets (B, T), True where an answer may be learnt to be foretold: real, and none that was given together with it
    came before (ADR-0006) · lags and elapsed (B, T), as in `Answer` · groups (B,), whose answers are to be left out of
    item statistics: 0 leaves out none, g the g-th group of training students. Real steps come first; padding follows.
    """

    items: Tensor
    skills: Tensor
    responses: Tensor
    valid: Tensor
    targets: Tensor
    lags: Tensor
    elapsed: Tensor
    groups: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def answer_at(self, t: int) -> Answer:
        return Answer(
            self.items[:, t], self.skills[:, t], self.responses[:, t], self.lags[:, t], self.elapsed[:, t]
        )

    def asked_at(self, t: int) -> Asked:
        return Asked(self.items[:, t : t + 1], self.skills[:, t : t + 1], self.lags[:, t])


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a model's tables are: rows for items and skills (padding and unseen included), categories K."""

    num_items: int
    num_skills: int
    num_categories: int


@dataclass(frozen=True, kw_only=True)
class TrainingAnswers:
    """What training students answered, for what a model reads off it before any gradient step.

    counts (1 + G, num_items, K): row 0 the answers of all training students, row g those of the g-th group; items
    of the catalogue that nobody answered have zeros. item_skills (num_items, S). item_positions (num_items,): places of
    the items in the natural order of their ids, where neighbours often are of one problem set; 0 where there is none.
    contents (num_items, D): what is known of the items' content, zero where nothing is; None if nobody told any.
    `batches` yields every training answer once, in batches of some students; of answers given together, any one may
    stand first and be a target.
    """

    counts: Tensor
    item_skills: Tensor
    item_positions: Tensor
    batches: Callable[[], Iterable[Batch]]
    contents: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class ItemRow:
    """What a model says an item measures: its index, a, b (K-1 of them) and c on the ability scale, their standard
    errors, that of the mean of all b, and the training answers behind them."""

    item: int
    discrimination: float
    difficulty: tuple[float, ...]
    guessing: float
    discrimination_error: float
    difficulty_error: tuple[float, ...]
    guessing_error: float
    mean_difficulty_error: float
    num_answers: int


class ResponseModel(nn.Module, ABC):
    """A filter over a student's state: `observe` an answer, `predict` the next; `forward` is both, for all steps.

    The state of a student is one flat float vector of constant size D, whatever the model keeps in it.
    Written for K response categories; a binary item has K = 2. Shapes: B students, T steps, N asked items,
    S skills per item.
    """

    reads_items: bool = True
    """False for a model that tells items apart by their skills alone, as the oldest of the field do."""

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
    def observe(self, state: Tensor, answer: Answer) -> Tensor:
        """Return the state (B, D) after one answer each."""

    @abstractmethod
    def predict(self, state: Tensor, asked: Asked) -> Tensor:
        """Return category probabilities (B, N, K) of the asked items."""

    def loss(self, batch: Batch) -> Tensor:
        """Return what training minimises: the mean cross entropy (nats) of all targets, unless a model adds to it.

        One call of `forward`; what is added may read the batch's answers as targets, never as inputs.
        """
        return response_loss(self(batch), batch)

    def as_recurrence(self) -> dict[str, Tensor] | None:
        """Return the arrays of `registry.Recurrence`, by name, where this model is such an LSTM; else None.

        What serving does with them must be what `observe` and `predict` do; the contract suite compares the two.
        """
        return None

    def num_learnt(self) -> int:
        """Return how many numbers training has learnt: weights, unless a model learns others before any gradient."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def item_parameters(self, answers: TrainingAnswers) -> list[ItemRow] | None:
        """Return a row for every item index but padding, in order, where this trained model has parameters of items;
        else None. `answers` are those it was trained on."""
        return None

    def item_curves(self, item_skills: Tensor) -> dict[str, Tensor] | None:
        """Return the fields of `domain.ItemCurve`, each (num_items,), where each item has such a curve; else None.

        `difficulty` is the mean of the item's thresholds. item_skills (num_items, S): each item's own.
        """
        return None

    def start_from(self, answers: TrainingAnswers) -> None:
        """Set what can be read off training answers before any gradient step.

        Models that learn everything by gradient leave this alone; those that learn nothing by it do all of it here.
        """


def response_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Return the mean cross entropy, in nats, of category logits (B, T, K) over the batch's targets."""
    return F.cross_entropy(logits[batch.targets].float(), batch.responses[batch.targets])
