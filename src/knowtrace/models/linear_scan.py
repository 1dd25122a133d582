"""The linear recurrence h_t = a_t * h_(t-1) + b_t over all steps at once, and running sums that fade."""

from typing import Any

import torch
from torch import Tensor


class _Scan(torch.autograd.Function):
    """One pass forward, one pass back; autograd through the loop would keep a node per step."""

    @staticmethod
    def forward(ctx: Any, kept: Tensor, added: Tensor) -> Tensor:
        states = torch.empty_like(added)
        state = torch.zeros_like(added[0])
        for t in range(len(added)):
            state = torch.addcmul(added[t], kept[t], state, out=states[t])
        ctx.save_for_backward(kept, states)
        return states

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        kept, states = ctx.saved_tensors
        flow = grads[0].clone()
        for t in range(len(flow) - 2, -1, -1):
            flow[t].addcmul_(kept[t + 1], flow[t + 1])
        to_kept = torch.zeros_like(kept)
        torch.mul(flow[1:], states[:-1], out=to_kept[1:])
        return to_kept, flow


def linear_scan(kept: Tensor, added: Tensor) -> Tensor:
    """Return h (B, T, H) with h_t = kept_t * h_(t-1) + added_t and h_(-1) = 0; kept and added (B, T, H)."""
    states: Any = _Scan.apply(kept.transpose(0, 1).contiguous(), added.transpose(0, 1).contiguous())
    return states.transpose(0, 1)


def min_gru(entered: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share of the state that an answer keeps and what it enters, (..., H) each, from a gate and a candidate
    for each unit (..., 2H): h_t = (1 - sigmoid(gate)) h_(t-1) + sigmoid(gate) candidate (Feng et al., 2024, minGRU)."""
    gate, candidate = entered.chunk(2, dim=-1)
    return (-gate).sigmoid(), gate.sigmoid() * candidate


def fading_sums(values: Tensor, decay: Tensor, places: Tensor) -> Tensor:
    """Return the sums (E, F) over each value's own run up to and with itself, each older value faded by `decay` (F,).

    values (E, F) stand run after run; places (E,) count 0, 1, … within each run. Decay 1 counts, 0 keeps the last
    value. Each pass doubles how far a sum reaches (Hillis and Steele, 1986).
    """
    sums, reach, fade = values, 1, decay
    longest = int(places.max()) if len(places) else 0
    while reach <= longest:
        earlier = torch.cat([torch.zeros_like(sums[:reach]), sums[:-reach]])
        sums = sums + fade * torch.where(places.ge(reach).unsqueeze(-1), earlier, 0.0)
        reach, fade = 2 * reach, fade * fade
    return sums


def before(sums: Tensor, places: Tensor) -> Tensor:
    """Return sums (E, F) one entry later within each run: what stood before each entry, zero at a run's first."""
    earlier = torch.cat([torch.zeros_like(sums[:1]), sums[:-1]])
    return torch.where(places.gt(0).unsqueeze(-1), earlier, 0.0)
