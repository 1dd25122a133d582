"""What the next answers of a student will show, as targets of training: never an input of any model.

Definitions: `docs/multitask.md`.
"""

import torch
from torch import Tensor

from knowtrace.models.contract import Batch
from knowtrace.models.layers import response_credit


def next_mean(batch: Batch, num_categories: int, reach: int) -> tuple[Tensor, Tensor]:
    """Return the mean credit (B, T) of the answers t to t + reach - 1, and where all of them are real (B, T)."""
    credit = response_credit(batch.responses, num_categories) * batch.valid
    sums = _padded_sums(credit, reach)
    real = _padded_sums(batch.valid.to(credit.dtype), reach)
    steps = credit.shape[1]
    return sums[:, reach : reach + steps] / reach, real[:, reach : reach + steps].round().eq(reach)


def last_mean(batch: Batch, num_categories: int, reach: int) -> tuple[Tensor, Tensor]:
    """Return the mean credit (B, T) of the answers t - reach to t - 1, and where there are so many (B, T)."""
    credit = response_credit(batch.responses, num_categories) * batch.valid
    steps = credit.shape[1]
    sums = _padded_sums(credit, reach)[:, :steps]
    enough = torch.arange(steps, device=credit.device).ge(reach).expand_as(batch.valid)
    return sums / reach, enough & batch.valid


def _padded_sums(values: Tensor, reach: int) -> Tensor:
    """Return sums over windows of `reach` steps, (B, T + reach): column c ends before step c."""
    total = torch.cat([values.new_zeros(len(values), 1), values.double().cumsum(1)], dim=1)
    total = torch.cat([total, total[:, -1:].expand(-1, reach)], dim=1)  # column c: all before step c
    before = torch.cat([total.new_zeros(len(values), reach), total[:, :-reach]], dim=1)
    return (total - before).to(values.dtype)
