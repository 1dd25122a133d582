"""A student's past in a few running numbers, for all steps at once and step by step.

Each answer adds a row of values to two sets of sums: one of all answers, one of each skill it touches. Some sums count,
some fade, some keep the last value alone. What a model sees of an asked item is read off the sums before the answer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from knowtrace.domain import PADDING
from knowtrace.models.linear_scan import before, fading_sums

OVERALL_DECAYS = (1.0, 1.0, 1.0, 0.9, 0.9, 0.6, 0.6, 0.0, 0.0, 0.0, 0.0, 1.0)
"""Sums over all answers: credit, answers, surprise; surprise and answers fading by 0.9, and by 0.6; of the last answer
its credit, the item's rank, the log of its elapsed seconds and whether that is known; days."""

SKILL_DECAYS = (1.0, 1.0, 1.0, 0.7, 0.7, 0.0, 0.0)
"""Sums over the answers in a skill: credit, answers, surprise; surprise and answers fading by 0.7; of the last answer
its number among all answers and the day it was given."""

MOST_SLOTS = 192
"""Skills a student's sums are kept for; beyond, skills share (a state has at most 8 KiB)."""

NUM_FEATURES = 19
LONGEST_LAG_DAYS = 365.0
SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Past:
    """Sums before an answer: overall (..., F) and, for each of the asked skills, by_skill (..., S, G)."""

    overall: Tensor
    by_skill: Tensor


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


def added(credit: Tensor, expected: Tensor, ranks: Tensor, lags: Tensor, elapsed: Tensor) -> Tensor:
    """Return what answers (...) add to the overall sums, (..., 12)."""
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
        credit,
        ranks,
        log_elapsed,
        known,
        days(lags),
    ]
    return torch.stack(columns, dim=-1)


def added_to_skills(credit: Tensor, expected: Tensor, number: Tensor, day: Tensor) -> Tensor:
    """Return what answers (...) add to the sums of their skills, (..., 7)."""
    one, surprise = torch.ones_like(credit), credit - expected
    return torch.stack([credit, one, surprise, surprise, one, number, day], dim=-1)


def pasts(overall_values: Tensor, credit: Tensor, expected: Tensor, slots: Tensor, valid: Tensor) -> Past:
    """Return the sums before each step: overall (B, T, 12), by_skill (B, T, S, 7).

    overall_values (B, T, 12), credit and expected (B, T), slots (B, T, S), valid (B, T).
    """
    num_students, num_steps, width = slots.shape
    device = slots.device
    steps = torch.arange(num_steps, device=device)
    places = steps.expand(num_students, -1).reshape(-1)
    decay = torch.tensor(OVERALL_DECAYS, device=device)
    overall = fading_sums(overall_values.flatten(0, 1), decay, places)
    own = overall.view(num_students, num_steps, -1)
    skill_values = added_to_skills(credit, expected, own[..., 1], own[..., -1])  # (B, T, 7)

    touched = slots.ne(PADDING) & valid.unsqueeze(-1)
    student, step, column = touched.nonzero(as_tuple=True)
    slot = slots[student, step, column]
    # Stable, so that the steps of one student in one slot stay in order.
    order = torch.argsort(student * (int(slots.max()) + 1) + slot, stable=True)
    student, step, column, slot = student[order], step[order], column[order], slot[order]
    place = _places(student, slot)
    sums = fading_sums(skill_values[student, step], torch.tensor(SKILL_DECAYS, device=device), place)
    by_skill = skill_values.new_zeros(num_students, num_steps, width, len(SKILL_DECAYS))
    by_skill[student, step, column] = before(sums, place)
    return Past(before(overall, places).view(num_students, num_steps, -1), by_skill)


def features(past: Past, slots: Tensor, ranks: Tensor, lags: Tensor) -> Tensor:
    """Return the features (..., NUM_FEATURES) of asked items from the sums before them.

    slots (..., S), ranks (...) of the asked items, lags (...) in seconds.
    """
    (
        right,
        answers,
        surprise,
        surprise_9,
        answers_9,
        surprise_6,
        answers_6,
        last,
        rank,
        log_elapsed,
        known,
        day,
    ) = past.overall.unbind(-1)
    started = answers.gt(0).to(right.dtype)
    apart = (ranks - rank) * started * ranks.gt(0)
    now = day + days(lags)
    overall = [
        right.log1p(),
        (answers - right).clamp(min=0).log1p(),
        surprise / (answers + 5),
        surprise_9 / (answers_9 + 1),
        surprise_6 / (answers_6 + 1),
        (last - 0.5) * started,
        apart.sign() * apart.abs().log1p() / 5,
        torch.exp(-apart.abs() / 4) * started,
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
    return torch.stack([*overall, *means], dim=-1)


def _places(student: Tensor, slot: Tensor) -> Tensor:
    """Return 0, 1, … within each run of equal (student, slot), (E,)."""
    at = torch.arange(len(student), device=student.device)
    if not len(at):
        return at
    starts = torch.ones_like(student, dtype=torch.bool)
    starts[1:] = student[1:].ne(student[:-1]) | slot[1:].ne(slot[:-1])
    return at - torch.where(starts, at, 0).cummax(0).values
