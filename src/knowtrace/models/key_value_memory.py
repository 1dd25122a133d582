"""A memory of slots that is read and written by attention: DKVMN (Zhang et al., 2017, arXiv:1611.08108).

A write erases a share of each slot and adds to it, M_i <- M_i * (1 - w_i e) + w_i a; what step t reads stands before
its write. All steps at once in one pass forward and one back, which keeps one memory per step and nothing else.
"""

from typing import Any

import torch
from torch import Tensor


def read(memory: Tensor, attention: Tensor) -> Tensor:
    """Return what attention (B, N, slots) reads from a memory (B, slots, width): (B, N, width)."""
    return attention @ memory


def write(memory: Tensor, attention: Tensor, erased: Tensor, added: Tensor) -> Tensor:
    """Return the memory (B, slots, width) after one write.

    attention (B, slots); erased, in (0, 1), and added (B, width).
    """
    change = added.unsqueeze(1) - erased.unsqueeze(1) * memory
    return memory + attention.unsqueeze(-1) * change


def read_all(start: Tensor, attention: Tensor, erased: Tensor, added: Tensor) -> Tensor:
    """Return what each step reads before it writes, (B, T, width).

    start (slots, width) · attention (B, T, slots) of each step's item, by which it reads and writes · erased and added
    (B, T, width).
    """
    # Steps first, so that a step's slice is contiguous.
    by_step = (x.transpose(0, 1).contiguous() for x in (attention, erased, added))
    reads: Tensor = _Memory.apply(start, *by_step, torch.is_grad_enabled())  # pyright: ignore
    return reads.transpose(0, 1)


class _Memory(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, start: Tensor, attention: Tensor, erased: Tensor, added: Tensor, learns: bool
    ) -> Tensor:
        steps, students, _ = attention.shape
        memory = start.unsqueeze(0).repeat(students, 1, 1)  # (B, slots, width)
        kept = memory.new_empty(steps if learns else 0, *memory.shape)
        reads = torch.empty_like(added)
        for t in range(steps):
            if learns:
                kept[t] = memory
            torch.bmm(attention[t].unsqueeze(1), memory, out=reads[t].unsqueeze(1))
            change = torch.mul(memory, erased[t].unsqueeze(1)).neg_().add_(added[t].unsqueeze(1))
            memory.addcmul_(attention[t].unsqueeze(-1), change)
        ctx.save_for_backward(attention, erased, added, kept)
        return reads

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        attention, erased, added, kept = ctx.saved_tensors
        to_reads = grads[0].contiguous()
        to_attention, to_erased, to_added = (torch.empty_like(x) for x in (attention, erased, added))
        flow = torch.zeros_like(kept[0])
        for t in range(len(kept) - 1, -1, -1):
            weight, memory = attention[t].unsqueeze(-1), kept[t]  # (B, slots, 1), (B, slots, width)
            change = added[t].unsqueeze(1) - erased[t].unsqueeze(1) * memory
            read_back = torch.bmm(memory, to_reads[t].unsqueeze(-1)).squeeze(-1)  # (B, slots)
            torch.add((flow * change).sum(-1), read_back, out=to_attention[t])
            written = flow * weight
            torch.sum(written, dim=1, out=to_added[t])
            to_erased[t] = (written * memory).sum(1).neg_()
            flow.addcmul_(written, erased[t].unsqueeze(1), value=-1)
            flow.addcmul_(weight, to_reads[t].unsqueeze(1))
        return flow.sum(0), to_attention, to_erased, to_added, None
