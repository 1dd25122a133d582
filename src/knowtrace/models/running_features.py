"""A student's past in a few running numbers, for all steps at once and step by step.

Each answer adds a row of values to two sets of sums: one of all answers, one of each skill it touches. Some sums count,
some fade, some keep the last value alone. What a model sees of an asked item is read off the sums before the answer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from knowtrace.domain import PADDING
from knowtrace.models.contract import Answer, Batch
from knowtrace.models.linear_scan import before, fading_sums

OVERALL_DECAYS = (1.0, 1.0, 1.0, 0.9, 0.9, 0.6, 0.6, 0.0, 0.0, 1.0)
"""Sums over all answers: credit, answers, surprise; surprise and answers fading by 0.9, and by 0.6; of the last answer
the log of its elapsed seconds and whether that is known; days."""

SKILL_DECAYS = (1.0, 1.0, 1.0, 0.7, 0.7, 0.0, 0.0)
"""Sums over the answers in a skill: credit, answers, surprise; surprise and answers fading by 0.7; of the last answer
its number among all answers and the day it was given."""

MOST_SLOTS = 192
"""Skills a student's sums are kept for; beyond, skills share (a state has at most 8 KiB)."""

RECENT = 32
"""So many last answers are remembered one by one: where the item stands, and the surprise."""

REACHES = (3.0, 20.0, 100.0)
"""How far, in places among items, a recent answer speaks for an asked item: its weight falls by e over each."""

LAST = 3
"""Of so many last answers the way to the asked item and the surprise are features of their own."""

NUM_FEATURES = 9 + 2 * len(REACHES) + 2 * LAST + 7
LONGEST_LAG_DAYS = 365.0
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Past:
    """What stood before an answer: the sums overall (..., 10) and, for each of the asked skills, by_skill (..., S, 7);
    of the RECENT last answers, oldest first, positions, surprises and whether they were given, each (..., RECENT).
    """

    overall: Tensor
    by_skill: Tensor
    positions: Tensor
    surprises: Tensor
    given: Tensor


class Sums:
    """Running sums (B, state_size) step by step: sums over all answers, the last answers, sums of each skill slot."""

    def __init__(self, flat: Tensor, num_skills: int) -> None:
        self._slots = num_slots(num_skills)
        parts = flat.split(
            [len(OVERALL_DECAYS), RECENT, RECENT, RECENT, self._slots * len(SKILL_DECAYS)], dim=-1
        )
        self._overall, self._positions, self._surprises, self._given, by_slot = parts
        self._by_slot = by_slot.unflatten(-1, (self._slots, len(SKILL_DECAYS)))

    def past(self, slots: Tensor) -> Past:
        """Return what stands before N asked items with slots (B, N, S)."""
        width = len(SKILL_DECAYS)
        by_skill = self._by_slot.gather(1, slots.flatten(1).unsqueeze(-1).expand(-1, -1, width))
        return Past(
            overall=self._overall.unsqueeze(1),
            by_skill=by_skill.view(*slots.shape, width),
            positions=self._positions.unsqueeze(1),
            surprises=self._surprises.unsqueeze(1),
            given=self._given.unsqueeze(1),
        )

    def after(
        self, answer: Answer, credit: Tensor, expected: Tensor, positions: Tensor, slots: Tensor
    ) -> Tensor:
        """Return the sums, flat, after one answer each; credit, expected, positions (B,), slots (B, S)."""
        decays = self._overall.new_tensor(OVERALL_DECAYS)
        overall = self._overall * decays + added(credit, expected, answer.lags, answer.elapsed)
        values = added_to_skills(credit, expected, overall[:, 1], overall[:, -1]).unsqueeze(1)
        is_slot = torch.arange(self._slots, device=slots.device)
        touched = (
            (slots.unsqueeze(-1).eq(is_slot) & is_slot.ne(PADDING)).any(1).unsqueeze(-1)
        )  # (B, slots, 1)
        faded = self._by_slot * self._by_slot.new_tensor(SKILL_DECAYS)
        by_slot = torch.where(touched, faded + values, self._by_slot)
        recent = [
            torch.cat([kept[:, 1:], new.unsqueeze(1)], dim=1)
            for kept, new in (
                (self._positions, positions),
                (self._surprises, credit - expected),
                (self._given, torch.ones_like(credit)),
            )
        ]
        return torch.cat([overall, *recent, by_slot.flatten(1)], dim=-1)


def state_size(num_skills: int) -> int:
    return len(OVERALL_DECAYS) + 3 * RECENT + num_slots(num_skills) * len(SKILL_DECAYS)


def num_slots(num_skills: int) -> int:
    return min(num_skills, MOST_SLOTS)


def slots_of(skills: Tensor, num_skills: int) -> Tensor:
    """Return the slot of each skill (..., S); a skill that shares one with an earlier skill of its row is PADDING."""
    slots = skills
    if num_skills > MOST_SLOTS:
        slots = torch.where(skills.eq(PADDING), PADDING, 1 + (skills - 1) % (MOST_SLOTS - 1))
    columns = slots.unbind(-1)
    kept = [columns[0]]
    for n, column in enumerate(columns[1:], 1):
        repeated = torch.stack([column.eq(other) for other in columns[:n]]).any(0)
        kept.append(torch.where(repeated, PADDING, column))
    return torch.stack(kept, dim=-1)


def days(lags: Tensor) -> Tensor:
    """Return lags in days, at most a year; one that nobody recorded is none."""
    return (lags / SECONDS_A_DAY).clamp(0.0, LONGEST_LAG_DAYS)


def added(credit: Tensor, expected: Tensor, lags: Tensor, elapsed: Tensor) -> Tensor:
    """Return what answers (...) add to the overall sums, (..., 10)."""
    one, surprise, known = torch.ones_like(credit), credit - expected, elapsed.ge(0).to(credit.dtype)
    log_elapsed = elapsed.clamp(min=0).log1p()
    columns = [
        credit,
        one,
        surprise,
        surprise,
        one,
        surprise,
        one,
        log_elapsed,
        known,
        days(lags),
    ]
    return torch.stack(columns, dim=-1)


def added_to_skills(credit: Tensor, expected: Tensor, number: Tensor, day: Tensor) -> Tensor:
    """Return what answers (...) add to the sums of their skills, (..., 7)."""
    one, surprise = torch.ones_like(credit), credit - expected
    return torch.stack([credit, one, surprise, surprise, one, number, day], dim=-1)


def pasts(batch: Batch, credit: Tensor, expected: Tensor, positions: Tensor, slots: Tensor) -> Past:
    """Return what stood before each step of a batch; credit, expected and positions (B, T), slots (B, T, S)."""
    num_students, num_steps, width = slots.shape
    device = slots.device
    steps = torch.arange(num_steps, device=device)
    places = steps.expand(num_students, -1).reshape(-1)
    decay = torch.tensor(OVERALL_DECAYS, device=device)
    overall_values = added(credit, expected, batch.lags, batch.elapsed)
    overall = fading_sums(overall_values.flatten(0, 1), decay, places)
    own = overall.view(num_students, num_steps, -1)
    skill_values = added_to_skills(credit, expected, own[..., 1], own[..., -1])  # (B, T, 7)

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
        _windows(positions),
        _windows(credit - expected),
        _windows(torch.ones_like(credit)),
    )


def features(past: Past, slots: Tensor, positions: Tensor, lags: Tensor) -> Tensor:
    """Return the features (..., NUM_FEATURES) of asked items from what stood before them.

    slots (..., S), positions (...) of the asked items, lags (...) in seconds.
    """
    right, answers, surprise, surprise_9, answers_9, surprise_6, answers_6, log_elapsed, known, day = (
        past.overall.unbind(-1)
    )
    now = day + days(lags)
    overall = [
        right.log1p(),
        (answers - right).clamp(min=0).log1p(),
        surprise / (answers + 5),
        surprise_9 / (answers_9 + 1),
        surprise_6 / (answers_6 + 1),
        lags.ge(0).to(right.dtype),
        (days(lags) * 24).log1p(),
        log_elapsed / 4,
        known,
    ]
    s_right, s_answers, s_surprise, s_surprise_7, s_answers_7, s_number, s_day = past.by_skill.unbind(-1)
    met = s_answers.gt(0).to(right.dtype)
    gap = (answers.unsqueeze(-1) - s_number).clamp(min=0) * met
    skill = [
        s_right.log1p(),
        (s_answers - s_right).clamp(min=0).log1p(),
        s_surprise / (s_answers + 3),
        s_surprise_7 / (s_answers_7 + 1),
        met,
        gap.log1p() / 4,
        ((now.unsqueeze(-1) - s_day).clamp(min=0) * met).log1p(),
    ]
    present = slots.ne(PADDING).to(right.dtype)
    count = present.sum(-1).clamp(min=1)
    means = [(value * present).sum(-1) / count for value in skill]
    columns = torch.broadcast_tensors(*overall, *_nearby(past, positions), *means)
    return torch.stack(columns, dim=-1)


def _nearby(past: Past, positions: Tensor) -> list[Tensor]:
    """Return what recent answers to items near the asked ones say: for each reach the mean surprise and the weight
    behind it, for each of the last answers the way from its item to the asked one and its surprise."""
    known = past.given * positions.gt(0).unsqueeze(-1) * past.positions.gt(0)
    apart = positions.unsqueeze(-1) - past.positions  # (..., RECENT)
    found: list[Tensor] = []
    for reach in REACHES:
        weight = torch.exp(-apart.abs() / reach) * known
        total = weight.sum(-1)
        found += [(weight * past.surprises).sum(-1) / (total + 1), total.log1p()]
    for n in range(1, LAST + 1):
        way = apart[..., -n] * known[..., -n]
        found += [way.sign() * way.abs().log1p() / 5, past.surprises[..., -n]]
    return found


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
