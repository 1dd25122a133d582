"""An LSTM over histories of unequal length, for training on the processor.

`nn.LSTM` maps every step's input through its weights, padding included. Here inputs come already mapped, as the rows
of a table: answers repeat within a batch, so the table is short. A step holds only the students who have it, and the
weights get their gradient from all steps in one product. Measured against `nn.LSTM` in `docs/log.md`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Steps:
    """The N real answers of a batch (B, T), step by step, longer histories first within each step.

    where (N,): places in the flattened batch · previous (N - counts[0],): rows of the step before, for all steps but
    the first · counts: answers of each step, which never grow because real steps come first.
    """

    where: Tensor
    previous: Tensor
    counts: list[int]

    @classmethod
    def of(cls, valid: Tensor) -> "Steps":
        longest_first = valid.sum(1).argsort(descending=True, stable=True)
        step, rank = valid[longest_first].t().nonzero(as_tuple=True)
        per_step = valid.sum(0)
        rows = torch.arange(len(step), device=valid.device)
        return cls(
            where=longest_first[rank] * valid.shape[1] + step,
            previous=(rows - per_step[step - 1])[step > 0],
            counts=per_step.tolist(),
        )

    def take(self, values: Tensor) -> Tensor:
        """Return the real answers' values: (B, T, ...) -> (N, ...)."""
        return values.flatten(0, 1)[self.where]

    def put(self, values: Tensor, like: Tensor) -> Tensor:
        """Return values (N, ...) at their places in a batch like `like` (B, T), zero where nothing is real."""
        flat = values.new_zeros(like.numel(), *values.shape[1:])
        return flat.index_copy(0, self.where, values).unflatten(0, like.shape)

    def delay(self, rows: Tensor, first: int) -> Tensor:
        """Return rows (N,) one step later, `first` at the first: what was known before each answer (ADR-0001)."""
        return torch.cat([rows.new_full((self.counts[0],), first), rows[self.previous]])


def lstm(table: Tensor, rows: Tensor, weight: Tensor, steps: Steps) -> Tensor:
    """Return the outputs (N, H) of an LSTM that starts at zero.

    table (M, 4H): inputs as they enter the gates, weights and both biases applied, in the order of `nn.LSTM`: enter,
    forget, candidate, leave · rows (N,): which of them each step takes · weight (4H, H): from output to gates.
    """
    # tanh(x) = 2 sigmoid(2x) - 1: with the candidate's part doubled, one sigmoid opens all four gates of a step.
    doubled = weight.new_tensor([1.0, 1.0, 2.0, 1.0]).repeat_interleave(weight.shape[1])  # (4H,)
    # Contiguous: the product of a few rows with a transposed view is up to three times slower.
    from_outputs = (weight.t() * doubled).contiguous()  # (H, 4H)
    outputs: Tensor = _LSTM.apply(table * doubled, rows, from_outputs, steps)  # pyright: ignore
    return outputs


class _LSTM(torch.autograd.Function):
    """The steps, one after the other; tensors (N, ...) are split into one view per step."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor, weight: Tensor, steps: Steps) -> Tensor:
        size, width = len(rows), len(weight)
        gates = table.new_empty(size, 4 * width)
        candidates, cells, squashed, outputs = (table.new_empty(size, width) for _ in range(4))
        enter, forget, candidate_gate, leave = (part.split(steps.counts) for part in gates.chunk(4, dim=1))
        gate, row = gates.split(steps.counts), rows.split(steps.counts)
        candidate, cell, squash, output = (
            x.split(steps.counts) for x in (candidates, cells, squashed, outputs)
        )
        for t, count in enumerate(steps.counts):
            torch.index_select(table, 0, row[t], out=gate[t])
            if t:
                gate[t].addmm_(output[t - 1][:count], weight)
            gate[t].sigmoid_()
            torch.mul(candidate_gate[t], 2, out=candidate[t]).sub_(1)
            torch.mul(enter[t], candidate[t], out=cell[t])
            if t:
                cell[t].addcmul_(forget[t], cell[t - 1][:count])
            torch.tanh(cell[t], out=squash[t])
            torch.mul(leave[t], squash[t], out=output[t])
        ctx.save_for_backward(rows, weight, gates, candidates, cells, squashed, outputs)
        ctx.steps, ctx.num_inputs = steps, len(table)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, None]:
        rows, weight, gates, candidates, cells, squashed, outputs = ctx.saved_tensors
        steps: Steps = ctx.steps
        enter, forget, _, leave = (part.split(steps.counts) for part in gates.chunk(4, dim=1))
        candidate, cell, squash = (x.split(steps.counts) for x in (candidates, cells, squashed))
        to_outputs, to_gates = grads[0].clone(), torch.empty_like(gates)
        to_enter, to_forget, to_candidate, to_leave = (
            part.split(steps.counts) for part in to_gates.chunk(4, dim=1)
        )
        gate, to_gate, to_output = (x.split(steps.counts) for x in (gates, to_gates, to_outputs))
        to_gates_of_output = weight.t().contiguous()  # (4H, H)
        carried = cells[:0]
        for t in reversed(range(len(steps.counts))):
            if len(carried):
                to_output[t][: len(carried)].addmm_(to_gate[t + 1], to_gates_of_output)
            to_cell = to_output[t] * leave[t]
            torch.ops.aten.tanh_backward.grad_input(to_cell, squash[t], grad_input=to_cell)
            to_cell[: len(carried)] += carried
            torch.mul(to_cell, candidate[t], out=to_enter[t])
            torch.mul(to_cell, enter[t], out=to_candidate[t]).mul_(2)
            torch.mul(to_output[t], squash[t], out=to_leave[t])
            if t:
                torch.mul(to_cell, cell[t - 1][: steps.counts[t]], out=to_forget[t])
            else:
                to_forget[t].zero_()
            torch.ops.aten.sigmoid_backward.grad_input(to_gate[t], gate[t], grad_input=to_gate[t])
            carried = to_cell.mul_(forget[t])
        to_table = weight.new_zeros(ctx.num_inputs, gates.shape[1]).index_add_(0, rows, to_gates)
        to_weight = outputs[steps.previous].t() @ to_gates[steps.counts[0] :]
        return to_table, None, to_weight, None
