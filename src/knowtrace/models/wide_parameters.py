"""The parameters of every item of a wide and deep model, with standard errors and the answers behind them.

Standard errors come from the information of the training answers at the abilities that the network gives them (the
abilities' own error is not counted), plus a prior: that of an average item's `item_prior` answers, as the model
shrinks, and a wide normal one, so that an item without answers has an error too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from knowtrace.models.contract import Batch, ItemRow

STEEPEST = 4.0
STRONGEST = 4.0
MOST_GUESSING = 0.5
"""Discrimination lies in (1/STEEPEST, STEEPEST), ability in (-STRONGEST, STRONGEST), guessing below the last."""

WIDEST = (1.0, 3.0, 0.15)
"""Standard deviations of the wide prior of discrimination, difficulty and guessing."""


@dataclass(frozen=True)
class Wide:
    """Parameters of items: discrimination (...), difficulty (..., K-1), guessing (...), zero with K > 2."""

    discrimination: Tensor
    difficulty: Tensor
    guessing: Tensor


def item_rows(
    wide: Wide, measured: Iterable[tuple[Batch, Wide, Tensor]], *, guesses: bool, item_prior: float
) -> list[ItemRow]:
    """Return a row for every item index but padding, in order: the unseen item is the first.

    `wide` has the parameters of all items (num_items, ...); `measured` the training answers, with the parameters of
    each answer's item and the ability (B, T) it met. Without guessing its value and error are 0.
    """
    information, num_answers = _information(wide, measured, guesses=guesses)
    mean = information.sum(0) / num_answers.sum().clamp(min=1)
    steps = wide.difficulty.shape[-1]
    spread = [WIDEST[0], *[WIDEST[1]] * steps, *[WIDEST[2]] * guesses]
    prior = torch.diag(torch.tensor(spread, dtype=torch.float64).pow(-2)) + item_prior * mean
    covariance = torch.linalg.inv(information + prior)  # (num_items, M, M)
    errors = covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    of_mean = covariance[:, 1 : 1 + steps, 1 : 1 + steps].sum((-2, -1)).sqrt() / steps
    return [
        ItemRow(
            item=item,
            discrimination=float(wide.discrimination[item]),
            difficulty=tuple(wide.difficulty[item].tolist()),
            guessing=float(wide.guessing[item]),
            discrimination_error=float(errors[item, 0]),
            difficulty_error=tuple(errors[item, 1 : 1 + steps].tolist()),
            guessing_error=float(errors[item, -1]) if guesses else 0.0,
            mean_difficulty_error=float(of_mean[item]),
            num_answers=int(num_answers[item]),
        )
        for item in range(1, len(num_answers))
    ]


def _information(
    wide: Wide, measured: Iterable[tuple[Batch, Wide, Tensor]], *, guesses: bool
) -> tuple[Tensor, Tensor]:
    """Return the sum of Fisher information (num_items, M, M) over all answers, and the answers (num_items,)."""
    num_items, steps = wide.difficulty.shape
    size = 1 + steps + guesses
    total = torch.zeros(num_items, size, size, dtype=torch.float64)
    num_answers = torch.zeros(num_items)
    for batch, met, ability in measured:
        probabilities, scores = scores_of(met, ability, guesses=guesses)
        each = torch.einsum("btk,btkm,btkn->btmn", probabilities, scores, scores)
        total.index_add_(0, batch.items[batch.valid], each[batch.valid].double())
        num_answers.index_add_(0, batch.items[batch.valid], torch.ones(int(batch.valid.sum())))
    return total, num_answers


def scores_of(wide: Wide, ability: Tensor, *, guesses: bool) -> tuple[Tensor, Tensor]:
    """Return category probabilities (..., K) and the derivatives (..., K, M) of their logarithms in a, b and c."""
    slope, steps = wide.discrimination.unsqueeze(-1), wide.difficulty  # (..., 1), (..., K-1)
    above = torch.cat([torch.zeros_like(slope), (ability.unsqueeze(-1) - steps).cumsum(-1)], dim=-1)
    curve = (slope * above).softmax(-1)  # (..., K)
    num_categories = curve.shape[-1]
    passed = torch.tril(torch.ones(num_categories, num_categories), -1)[
        :, :-1
    ]  # (K, K-1): step j lies below k
    inner = torch.cat([above.unsqueeze(-1), -slope.unsqueeze(-1) * passed], dim=-1)  # (..., K, K)
    scores = inner - (curve.unsqueeze(-1) * inner).sum(-2, keepdim=True)
    if not guesses:
        return curve, scores
    free = 1 - wide.guessing
    right = wide.guessing + free * curve[..., 1]
    of_right = (free * curve[..., 1] / right)[..., None] * scores[..., 1, :]
    of_guessing = torch.stack([-1 / free, (1 - curve[..., 1]) / right], dim=-1).unsqueeze(-1)
    both = torch.stack([scores[..., 0, :], of_right], dim=-2)
    return torch.stack([1 - right, right], dim=-1), torch.cat([both, of_guessing], dim=-1)
