"""What a model sees of a student's past when an item is asked, read off the running sums before the answer."""

import torch
from torch import Tensor

from knowtrace.domain import PADDING
from knowtrace.models.running_sums import OVERALL_PARTS, RECENT, SKILL_PARTS, Past, days

ITSELF = 0.01
"""A reach that ends before the next item: answers to the asked item alone. Many logs let a wrong answer be tried again
at once, and the second try is another question than the first."""

REACHES = (ITSELF, 3.0, 20.0, 100.0)
"""How far, in places among items, a recent answer speaks for an asked item: its weight falls by e over each."""

FAINTEST = -80.0
"""Where the logarithm of such a weight ends: floats that fade further take far longer to multiply."""

LAST = 3
"""Of so many last answers the way to the asked item and the surprise are features of their own."""

FEATURES = (
    *("log right", "log wrong", "log hours", "surprise", "surprise .9", "surprise .6", "lag known"),
    *("log elapsed", "elapsed known"),
    *(f"last surprise {n}" for n in range(LAST, 0, -1)),
    *(f"near surprise {reach:g}" for reach in REACHES),
    *(f"log near {reach:g}" for reach in REACHES),
    "log tries in a row",
    *(f"way {n}" for n in range(LAST, 0, -1)),
    "tried just now",
    *("skill log right", "skill log wrong", "skill log gap", "skill log days"),
    *("skill surprise", "skill surprise .7", "skill met"),
)
"""In the order that takes the fewest operations: what is alike stands together. A live answer is so little work that
its cost is the number of operations, whatever their size."""

NUM_FEATURES = len(FEATURES)

SCALES = {"log elapsed": 4.0, "skill log gap": 4.0, **{f"way {n}": 5.0 for n in range(1, LAST + 1)}}

OVERALL_PRIOR = (5.0, 1.0, 1.0)
SKILL_PRIOR = (3.0, 1.0)
"""Answers without surprise that mean surprises are shrunk by."""


def features(past: Past, slots: Tensor, positions: Tensor, lags: Tensor) -> Tensor:
    """Return the features (..., NUM_FEATURES) of asked items from what stood before them.

    slots (..., S), positions (..., 1) of the asked items, lags (..., 1) in seconds.
    """
    surprises, answers, right, last_elapsed, day = past.overall.split(OVERALL_PARTS, dim=-1)
    lag_days, number = days(lags), answers[..., :1]
    of_student = [
        torch.cat([right, number - right, lag_days * 24], dim=-1).clamp(min=0).log1p(),
        surprises / (answers + answers.new_tensor(OVERALL_PRIOR)),
        lags.ge(0).to(right.dtype),
        last_elapsed,
        past.surprises[..., -LAST:],
    ]
    columns = [
        torch.cat(of_student, dim=-1).expand(*positions.shape[:-1], -1),
        *_nearby(past, positions),
        _of_skills(past.by_skill, slots, torch.cat([number, day + lag_days], dim=-1)),
    ]
    scales = right.new_tensor([SCALES.get(name, 1.0) for name in FEATURES])
    return torch.cat(columns, dim=-1) / scales


def _of_skills(by_skill: Tensor, slots: Tensor, now: Tensor) -> Tensor:
    """Return the mean over the asked skills of what their sums (..., S, 7) say, (..., 7); now (..., 2), the number of
    answers so far and the day."""
    surprises, answers, right, last = by_skill.split(SKILL_PARTS, dim=-1)
    number = answers[..., :1]
    met = number.gt(0).to(right.dtype)
    gaps = (now.unsqueeze(-2) - last) * met
    columns = [
        torch.cat([right, number - right, gaps], dim=-1).clamp(min=0).log1p(),
        surprises / (answers + answers.new_tensor(SKILL_PRIOR)),
        met,
    ]
    num_skills = slots.gt(PADDING).to(right.dtype).sum(-1, keepdim=True).clamp(min=1)
    # Sums of padding are zero, and so is each column of it.
    return torch.cat(columns, dim=-1).sum(-2) / num_skills


def _nearby(past: Past, positions: Tensor) -> list[Tensor]:
    """Return what recent answers to items near the asked ones say.

    For each reach the mean surprise and the weight behind it; how often in a row the asked item was just tried; for
    each of the last answers the way from its item to the asked one; whether the very last was to the asked item.
    """
    apart = positions - past.positions  # (..., RECENT)
    known = torch.minimum(positions, past.positions).gt(0)
    distance = torch.where(known, apart.abs(), torch.inf).unsqueeze(-2)
    reaches = apart.new_tensor(REACHES).unsqueeze(-1)
    weight = torch.exp((distance / -reaches).clamp(min=FAINTEST))  # (..., reaches, RECENT)
    total = weight.sum(-1)
    surprise = (weight * past.surprises.unsqueeze(-2)).sum(-1) / (total + 1)
    same = weight[..., REACHES.index(ITSELF), :]
    places = torch.arange(1, RECENT + 1, device=same.device)
    last_other = ((1 - same) * places).amax(
        -1, keepdim=True
    )  # 0 where all RECENT answers were to the asked item
    way = torch.where(known, apart, 0.0)[..., -LAST:]
    amounts = torch.cat([total, RECENT - last_other, way], dim=-1)
    return [surprise, amounts.sign() * amounts.abs().log1p(), same[..., -1:]]
