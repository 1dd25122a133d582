"""Sums over a student's answers in each skill, for all steps at once and step by step.

An item without skills counts as one of the unseen skill, so that no answer is lost.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from knowtrace.domain import PADDING, UNSEEN
from knowtrace.models.contract import Batch
from knowtrace.models.layers import slots_of
from knowtrace.models.running_sums import days

MOST_FLOATS = 1_900
"""So many numbers of a state are sums per skill: with what else a filter keeps it stays within 8 KiB."""


@dataclass(frozen=True)
class SkillSums:
    """Sums (slots, width) in a flat state: a slot per skill, and skills share slots where they are too many."""

    num_skills: int
    width: int
    most_floats: int = MOST_FLOATS

    @property
    def num_slots(self) -> int:
        return min(self.num_skills, self.most_floats // self.width)

    @property
    def size(self) -> int:
        return self.num_slots * self.width

    def slots_of(self, skills: Tensor) -> Tensor:
        """Return the slot of each skill (..., S), PADDING where an earlier skill of the row has the same one."""
        return slots_of(at_least_one(skills), num_skills=self.num_skills, num_slots=self.num_slots)

    def read(self, flat: Tensor, slots: Tensor) -> Tensor:
        """Return the sums (B, N, S, width) of the slots (B, N, S) from flat (B, size)."""
        by_slot = flat.unflatten(-1, (self.num_slots, self.width))
        index = slots.flatten(1).unsqueeze(-1).expand(-1, -1, self.width)
        return by_slot.gather(1, index).view(*slots.shape, self.width)

    def after(self, flat: Tensor, slots: Tensor, values: Tensor, kept: Tensor | None = None) -> Tensor:
        """Return flat (B, size) after an answer that adds values (B, width) to its slots (B, S).

        `kept` (B, width) is the share of every sum that is left since the answer before; all when left out.
        """
        by_slot = flat.unflatten(-1, (self.num_slots, self.width))
        if kept is not None:
            by_slot = by_slot * kept.unsqueeze(1)
        touched = is_touched(slots, self.num_slots).unsqueeze(-1)  # (B, slots, 1)
        return (by_slot + touched * values.unsqueeze(1)).flatten(1)

    def before(self, batch: Batch, slots: Tensor, values: Tensor, rates: Tensor | None = None) -> Tensor:
        """Return what stood in each step's slots before it, (B, T, S, width).

        slots (B, T, S) · values (B, T, width), what each answer adds · rates (width,), a day, at which sums fade.
        """
        found = values.new_zeros(*slots.shape, self.width)
        student, step, column = (slots.ne(PADDING) & batch.valid.unsqueeze(-1)).nonzero(as_tuple=True)
        if not len(student):
            return found
        run = student * self.num_slots + slots[student, step, column]
        # Stable, so that the answers of one student in one slot stay in order.
        order = torch.argsort(run, stable=True)
        student, step, column, run = student[order], step[order], column[order], run[order]
        clock = days(batch.lags).double().cumsum(1)[student, step]
        sums, reach = values[student, step], 1
        while reach < len(run) and bool(run[reach:].eq(run[:-reach]).any()):
            sums = sums + _earlier(sums, run, clock, rates, reach)
            reach *= 2
        found[student, step, column] = _earlier(sums, run, clock, rates, 1)
        return found


def at_least_one(skills: Tensor) -> Tensor:
    """Return skills (..., S) with UNSEEN for an item that has none."""
    none = skills.eq(PADDING).all(-1, keepdim=True)
    return torch.cat([torch.where(none, UNSEEN, skills[..., :1]), skills[..., 1:]], dim=-1)


def is_touched(slots: Tensor, num_slots: int) -> Tensor:
    """Return which slots an answer touches, (B, S) -> (B, num_slots); padding never is."""
    each = torch.arange(num_slots, device=slots.device)
    return (slots.unsqueeze(-1).eq(each) & each.ne(PADDING)).any(1)


def _earlier(sums: Tensor, run: Tensor, clock: Tensor, rates: Tensor | None, reach: int) -> Tensor:
    """Return the sums `reach` entries earlier in the same run, faded to now; zero where there is none."""
    earlier = torch.cat([torch.zeros_like(sums[:reach]), sums[:-reach]])
    same = torch.zeros_like(run, dtype=torch.bool)
    same[reach:] = run[reach:].eq(run[:-reach])
    if rates is not None:
        passed = (clock - torch.cat([clock[:reach], clock[:-reach]])).clamp(min=0).to(sums.dtype)
        earlier = earlier * torch.exp(-rates * passed.unsqueeze(-1))
    return torch.where(same.unsqueeze(-1), earlier, 0.0)
