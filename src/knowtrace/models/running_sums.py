"""A student's past in a few running numbers, for all steps at once and step by step.

Each answer adds a row of values to two sets of sums: one of all answers, one of each skill it touches. Some sums count,
some fade, some keep the last value alone. Credit, surprise and positions of answers are columns (..., 1) throughout.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models import layers
from knowtrace.models.contract import Batch
from knowtrace.models.linear_scan import before, fading_sums

OVERALL_DECAYS = (1.0, 0.9, 0.6, 1.0, 0.9, 0.6, 1.0, 0.0, 0.0, 1.0)
OVERALL_PARTS = (3, 3, 1, 2, 1)
"""Sums over all answers: surprise, whole and fading by 0.9 and by 0.6; answers, likewise; credit; of the last answer
the log of its elapsed seconds and whether that is known; days."""

SKILL_DECAYS = (1.0, 0.7, 1.0, 0.7, 1.0, 0.0, 0.0)
SKILL_PARTS = (2, 2, 1, 2)
"""Sums over the answers in a skill: surprise, whole and fading by 0.7; answers, likewise; credit; of the last answer
its number among all answers and the day it was given."""

MOST_SLOTS = 192
"""Skills a student's sums are kept for; beyond, skills share (a state has at most 8 KiB)."""

RECENT = 32
"""So many last answers are remembered one by one: where the item stands, and the surprise."""

LONGEST_LAG_DAYS = 365.0
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Past:
    """What stood before an answer: the sums overall (..., 10) and, for each of the asked skills, by_skill (..., S, 7),
    zero where it is padding; of the RECENT last answers, oldest first, positions and surprises, each (..., RECENT),
    zero where there are none.
    """

    overall: Tensor
    by_skill: Tensor
    positions: Tensor
    surprises: Tensor


class Sums:
    """Running sums step by step: over all answers, the last answers, and the sums of each skill slot.

    flat (B, state_size), or (B, 1, state_size) where each student is asked N items at once.
    """

    def __init__(self, flat: Tensor, num_skills: int) -> None:
        width = len(SKILL_DECAYS)
        size = num_slots(num_skills) * width
        parts = flat.split([len(OVERALL_DECAYS), RECENT, RECENT, size], dim=-1)
        self._overall, self._positions, self._surprises, by_slot = parts
        self._by_slot = by_slot.flatten(1)
        self._places = torch.arange(size, device=flat.device).view(-1, width)

    def past(self, slots: Tensor) -> Past:
        """Return what stands before an item each, with slots (B, S), or before N items each, (B, N, S)."""
        found = self._by_slot.gather(1, self._places_of(slots))
        by_skill = found.view(*slots.shape, len(SKILL_DECAYS))
        return Past(self._overall, by_skill, self._positions, self._surprises)

    def after(
        self,
        past: Past,
        slots: Tensor,
        *,
        credit: Tensor,
        surprise: Tensor,
        positions: Tensor,
        lags: Tensor,
        elapsed: Tensor,
    ) -> Tensor:
        """Return the sums, flat, after one answer each: `past` stood before it at its slots (B, S); others (B, 1)."""
        overall = past.overall * past.overall.new_tensor(OVERALL_DECAYS)
        overall = overall + added(credit, surprise, lags, elapsed)
        values = added_to_skills(credit, surprise, overall).unsqueeze(1)
        by_skill = past.by_skill * values.new_tensor(SKILL_DECAYS) + values
        # All padded columns write to the slot of PADDING, which stays zero.
        by_skill = by_skill * slots.gt(PADDING).to(values.dtype).unsqueeze(-1)
        by_slot = self._by_slot.scatter(1, self._places_of(slots), by_skill.flatten(1))
        recent = [past.positions[:, 1:], positions, past.surprises[:, 1:], surprise]
        return torch.cat([overall, *recent, by_slot], dim=-1)

    def _places_of(self, slots: Tensor) -> Tensor:
        """Return where the sums of slots (B, ...) stand among those of all slots, (B, ... * 7)."""
        return F.embedding(slots, self._places).flatten(1)


def state_size(num_skills: int) -> int:
    return len(OVERALL_DECAYS) + 2 * RECENT + num_slots(num_skills) * len(SKILL_DECAYS)


def num_slots(num_skills: int) -> int:
    return min(num_skills, MOST_SLOTS)


def slots_of(skills: Tensor, num_skills: int) -> Tensor:
    """Return the slot of each skill (..., S); a skill that shares one with an earlier skill of its row is PADDING."""
    return layers.slots_of(skills, num_skills=num_skills, num_slots=num_slots(num_skills))


def days(lags: Tensor) -> Tensor:
    """Return lags in days, at most a year; one that nobody recorded is none."""
    return (lags / SECONDS_A_DAY).clamp(0.0, LONGEST_LAG_DAYS)


def added(credit: Tensor, surprise: Tensor, lags: Tensor, elapsed: Tensor) -> Tensor:
    """Return what answers (..., 1) add to the overall sums, (..., 10)."""
    one, known = torch.ones_like(credit), elapsed.ge(0).to(credit.dtype)
    last = [elapsed.clamp(min=0).log1p(), known]
    return torch.cat([*[surprise] * 3, *[one] * 3, credit, *last, days(lags)], dim=-1)


def added_to_skills(credit: Tensor, surprise: Tensor, overall: Tensor) -> Tensor:
    """Return what answers (..., 1), after which the overall sums are (..., 10), add to their skills' sums, (..., 7)."""
    _, answers, _, _, day = overall.split(OVERALL_PARTS, dim=-1)
    one = torch.ones_like(credit)
    return torch.cat([*[surprise] * 2, *[one] * 2, credit, answers[..., :1], day], dim=-1)


def pasts(batch: Batch, slots: Tensor, *, credit: Tensor, surprise: Tensor, positions: Tensor) -> Past:
    """Return what stood before each step of a batch; slots (B, T, S), the others (B, T, 1)."""
    num_students, num_steps, width = slots.shape
    device = slots.device
    steps = torch.arange(num_steps, device=device)
    places = steps.expand(num_students, -1).reshape(-1)
    overall_values = added(credit, surprise, batch.lags.unsqueeze(-1), batch.elapsed.unsqueeze(-1))
    decay = torch.tensor(OVERALL_DECAYS, device=device)
    overall = fading_sums(overall_values.flatten(0, 1), decay, places)
    own = overall.view(num_students, num_steps, -1)
    skill_values = added_to_skills(credit, surprise, own)  # (B, T, 7)

    touched = slots.ne(PADDING) & batch.valid.unsqueeze(-1)
    student, step, column = touched.nonzero(as_tuple=True)
    slot = slots[student, step, column]
    # Stable, so that the steps of one student in one slot stay in order.
    order = torch.argsort(student * (int(slots.max()) + 1) + slot, stable=True)
    student, step, column, slot = student[order], step[order], column[order], slot[order]
    place = _places(student, slot)
    sums = fading_sums(skill_values[student, step], torch.tensor(SKILL_DECAYS, device=device), place)
    by_skill = skill_values.new_zeros(num_students, num_steps, width, len(SKILL_DECAYS))
    by_skill[student, step, column] = before(sums, place)
    return Past(
        before(overall, places).view(num_students, num_steps, -1),
        by_skill,
        _windows(positions.squeeze(-1)),
        _windows(surprise.squeeze(-1)),
    )


def _windows(values: Tensor) -> Tensor:
    """Return for each step of values (B, T) the RECENT values before it, (B, T, RECENT), oldest first."""
    return F.pad(values, (RECENT, 0))[:, :-1].unfold(1, RECENT, 1)


def _places(student: Tensor, slot: Tensor) -> Tensor:
    """Return 0, 1, … within each run of equal (student, slot), (E,)."""
    at = torch.arange(len(student), device=student.device)
    if not len(at):
        return at
    starts = torch.ones_like(student, dtype=torch.bool)
    starts[1:] = student[1:].ne(student[:-1]) | slot[1:].ne(slot[:-1])
    return at - torch.where(starts, at, 0).cummax(0).values
