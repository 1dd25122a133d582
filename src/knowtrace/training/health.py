"""What may be wrong with a trained model besides its step graphs: its figures, and whether the graphs say the same."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from knowtrace.models import Batch, ResponseModel
from knowtrace.models.partial_credit import LARGEST_ABILITY, PartialCredit
from knowtrace.models.wide_parameters import MOST_GUESSING, STRONGEST, Wide
from knowtrace.registry import Steps
from knowtrace.training.sequences import Sequences

STUDENTS = 4
ANSWERS = 50
TOLERANCE = 1e-3
MOST_APART = 0.01
"""The share of predictions that may: at the edge of a tree's split the last bit of a sum may move one."""


@runtime_checkable
class Measuring(Protocol):
    """A model that speaks in ability, discrimination and thresholds."""

    def figures(self, batch: Batch) -> PartialCredit: ...


@runtime_checkable
class WideAndDeep(Protocol):
    """A model that gives each answer's item its discrimination, difficulty and guessing, and the ability it met."""

    def measure(self, batch: Batch) -> tuple[Wide, Tensor]: ...


def model_ailments(
    model: ResponseModel, forms: Sequence[Steps], initial_state: NDArray[np.float32], valid: Sequences
) -> list[str]:
    """Return what is wrong with a model on first answers of some students, one sentence each; none when it is sound.

    Abilities must lie within +-3 (of wide and deep models +-4), discriminations be positive, thresholds in order unless
    they are free, and guessing lie below 1/2, where a model has them; and each form of its steps must predict, answer
    by answer, what the model predicts for all answers at once.
    """
    model.eval()
    batch = valid.whole.beginnings(ANSWERS).batch(np.arange(min(STUDENTS, len(valid.student_ids))))
    with torch.inference_mode():
        at_once = model(batch).softmax(-1)[batch.valid].numpy()
        found = _of_figures(model.figures(batch), batch.valid) if isinstance(model, Measuring) else []
        if isinstance(model, WideAndDeep):
            found += _of_wide(*model.measure(batch), batch.valid)
    for steps in forms:
        one_by_one = [_stepped(steps, initial_state, batch, student) for student in range(len(batch.items))]
        is_close = (np.abs(np.concatenate(one_by_one) - at_once) <= TOLERANCE).all(-1)
        if (apart := 1 - is_close.mean()) > MOST_APART:
            found.append(
                f"Steps and model differ by more than {TOLERANCE} in {apart:.0%} of their predictions."
            )
    return found


def _of_figures(figures: PartialCredit, valid: Tensor) -> list[str]:
    found = _of_scales(figures.ability[valid], LARGEST_ABILITY, figures.discrimination[valid])
    if figures.is_ordered and not (figures.thresholds[valid].diff(dim=-1) >= 0).all():
        found.append("Thresholds of an item are not in order.")
    return found


def _of_wide(wide: Wide, ability: Tensor, valid: Tensor) -> list[str]:
    found = _of_scales(ability[valid], STRONGEST, wide.discrimination[valid])
    guessing = wide.guessing[valid]
    if not ((guessing >= 0) & (guessing <= MOST_GUESSING)).all():
        found.append(
            f"Guessing reaches from {guessing.min():.2f} to {guessing.max():.2f}, beyond 0 to {MOST_GUESSING:g}."
        )
    return found


def _of_scales(ability: Tensor, largest: float, discrimination: Tensor) -> list[str]:
    found: list[str] = []
    # A figure that is not a number fails every comparison, so each is asked whether it is right.
    if not (ability.abs() <= largest).all():
        found.append(
            f"Abilities reach from {ability.min():.2f} to {ability.max():.2f}, beyond +-{largest:g}."
        )
    if not (discrimination > 0).all():
        found.append(f"The lowest discrimination is {discrimination.min():.2f}, and must be positive.")
    return found


def _stepped(steps: Steps, state: NDArray[np.float32], batch: Batch, student: int) -> NDArray[np.float32]:
    """Return what the steps predict for each answer of one student, (T, K)."""
    items, skills = batch.items[student].numpy(), batch.skills[student].numpy()
    predicted: list[NDArray[np.float32]] = []
    for t in range(int(batch.valid[student].sum())):
        lag, elapsed = float(batch.lags[student, t]), float(batch.elapsed[student, t])
        predicted.append(steps.predict(state, items[t : t + 1], skills[t : t + 1], lag=lag)[0])
        response = int(batch.responses[student, t])
        state = steps.observe(state, int(items[t]), skills[t].tolist(), response, lag=lag, elapsed=elapsed)
    return np.array(predicted)
