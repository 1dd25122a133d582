"""What an item's content says of how hard it is, beyond what is known without it: a ridge regression over items.

An item that was answered is foretold without its own answers, as one that never was must be: what models learn to make
of this is right for both. Content that says nothing changes nothing, for the penalty is chosen by how well items are
foretold, and may be infinite.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from knowtrace.models.contract import TrainingAnswers

Floats = NDArray[np.float64]

PENALTIES = tuple(2.0**power for power in range(-5, 12, 2))

FEWEST_ITEMS = 10
"""From fewer answered items with content nothing is learnt."""

HALF_WEIGHT = 8.0
"""So many answers make an item count half: until then their chance weighs more than what items differ by."""

OWN_PRIOR = 1.0
"""Answers that what is known without content weighs against an item's own, so that its logits are finite."""

LARGEST_LEVERAGE = 1 - 1e-4
"""An item that alone decides what its words mean says nothing of how well others foretell it; float32 ends here."""

FARTHEST = 16.0
HALVINGS = 30
"""Shifts lie within so many logits, and are searched by so many halvings of that."""


def content_shift(answers: TrainingAnswers, counts: Tensor, shares: Tensor) -> Tensor | None:
    """Return how far content moves all thresholds of each item, (num_items, 1) in logits; None where nobody told any.

    counts (num_items, K): answers that may be learnt from · shares (num_items, K) or (K,): how items are expected to be
    answered without it. The regression is of the logit of an item's mean credit; the shift of an answered item is what
    the others' answers say of it, for ridge regression leaves one out in closed form (Hastie, Tibshirani and Friedman,
    2009, equation 7.64).
    """
    if answers.contents is None:
        return None
    contents, number = answers.contents.numpy(), counts.sum(-1).numpy().astype(np.float64)
    has_content = contents.any(-1)
    learnt = has_content & (number > 0)
    moved = np.zeros(len(counts))
    if learnt.sum() >= FEWEST_ITEMS:
        credit = np.linspace(0, 1, counts.shape[-1])
        expected = shares.expand_as(counts).numpy().astype(np.float64) @ credit
        earned = counts.numpy().astype(np.float64) @ credit
        own = _logit((earned + OWN_PRIOR * expected) / (number + OWN_PRIOR)) - _logit(expected)
        weights = number[learnt] / (number[learnt] + HALF_WEIGHT)
        without_own, slopes, centre = _ridge(contents[learnt], own[learnt], weights)
        moved[has_content] = contents[has_content] @ slopes - centre @ slopes
        moved[learnt] = without_own
    return _shift_by_credit(shares.expand_as(counts), torch.from_numpy(moved).to(counts))


def shifted(shares: Tensor, shift: Tensor | None) -> Tensor:
    """Return shares (..., K) whose thresholds are all moved by (..., 1) logits."""
    if shift is None:
        return shares
    return (shares.log() - shift * torch.arange(shares.shape[-1])).softmax(-1)


class ContentShift(nn.Module):
    """How far each item's thresholds are moved by its content, which nothing learns or shrinks."""

    table: Tensor
    """(num_items, 1), or empty where nobody told of any content."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(0))
        self.register_load_state_dict_pre_hook(_size_as_stored)

    def keep(self, shift: Tensor | None) -> None:
        if shift is not None:
            self.table = shift

    def forward(self, items: Tensor, thresholds: Tensor) -> Tensor:
        """Return the thresholds (..., K-1) of items (...) moved by what their content says."""
        return thresholds + F.embedding(items, self.table) if self.table.numel() else thresholds


def _size_as_stored(content: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    # Runs that are older than content have no table; its size is that of whoever was trained.
    content.table = torch.zeros_like(state.setdefault(f"{prefix}table", torch.zeros(0)))


def _shift_by_credit(shares: Tensor, moved: Tensor) -> Tensor:
    """Return the shifts (N, 1) of thresholds that move the logit of the mean credit of shares (N, K) by (N,)."""
    credit = torch.linspace(0, 1, shares.shape[-1])
    wanted = ((shares * credit).sum(-1, keepdim=True).logit(1e-6) + moved.unsqueeze(-1)).sigmoid()
    low, high = torch.full_like(wanted, -FARTHEST), torch.full_like(wanted, FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_too_easy = (shifted(shares, middle) * credit).sum(-1, keepdim=True) > wanted
        low, high = torch.where(is_too_easy, middle, low), torch.where(is_too_easy, high, middle)
    return torch.where(moved.unsqueeze(-1).eq(0), 0, (low + high) / 2)


def _ridge(x: NDArray[np.float32], y: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return y (N,) of each row x (N, D) as all other rows have it, the slopes and the centre of x (D,); zeros if no
    penalty foretells better than they do.

    Rows stay in float32: of many items with content they are most of what is held.
    """
    root = np.sqrt(weights)
    centre = (weights @ x) / weights.sum()
    scaled = (x - centre.astype(np.float32)) * root[:, None].astype(np.float32)  # (N, D)
    aim = root * y
    eigenvalues, axes = np.linalg.eigh((scaled.T @ scaled).astype(np.float64))
    turned = scaled @ axes.astype(np.float32)  # (N, D)
    along = aim.astype(np.float32) @ turned  # (D,)
    best, least = (np.zeros(len(y)), np.zeros(x.shape[1])), float(aim @ aim)
    for penalty in PENALTIES:
        shrunk = 1 / (eigenvalues.clip(0) + penalty)
        leverage = np.einsum("nd,nd,d->n", turned, turned, shrunk.astype(np.float32))
        fitted = turned @ (shrunk * along).astype(np.float32) / root
        without_own = y - (y - fitted) / (1 - leverage.clip(max=LARGEST_LEVERAGE))
        error = float(weights @ (y - without_own) ** 2)
        if error < least:
            best, least = (without_own, axes @ (shrunk * along)), error
    return best[0], best[1], centre


def _logit(share: Floats) -> Floats:
    # Shares come in float32, where those of millions of right answers are 1.
    share = share.clip(1e-6, 1 - 1e-6)
    return np.log(share / (1 - share))
