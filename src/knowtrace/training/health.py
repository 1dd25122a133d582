"""Whether a trained model is fit to be served: beside its steps' own health, that they say what the model learnt to say
over whole histories, and that abilities and items keep to the ranges of their family."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from knowtrace.domain import UNKNOWN_TIME, UNSEEN, Vocabulary
from knowtrace.models import Batch, ResponseModel
from knowtrace.models.partial_credit import LARGEST_ABILITY, PartialCredit
from knowtrace.models.wd_irt import STRONGEST, Wide
from knowtrace.registry import Steps, ailments

ANSWERS = 120
TOLERANCE = 1e-3
MOST_APART = 1
"""Predictions of `ANSWERS` that may differ: a tree may split within the rounding of a sum, in one form and not in the
other."""


@runtime_checkable
class PartialCreditModel(Protocol):
    """A model of partial credit with thresholds in order."""

    def figures(self, batch: Batch) -> PartialCredit: ...


@runtime_checkable
class MeasuringModel(Protocol):
    """A model that measures an ability (B, T) with the parameters of each step's item."""

    def measure(self, batch: Batch) -> tuple[Wide, Tensor]: ...


@runtime_checkable
class CalibratedModel(Protocol):
    """A model with the slope of every item, (num_items,)."""

    slopes: Tensor


def model_ailments(
    model: ResponseModel,
    steps: Steps,
    initial_state: NDArray[np.float32],
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
) -> list[str]:
    """Return what is wrong with a trained model and the steps that would be served, one sentence each; none when both
    are healthy.

    Beside `registry.ailments`, a student answers 120 items at random, unseen ones and unknown times among them: the
    steps must give the probabilities of `forward` within 0.001, abilities lie within what the family promises (3, of
    wide and deep models 4), discriminations be positive, thresholds of partial credit rise.
    """
    found = ailments(steps, initial_state, vocabulary, seed=seed)
    if found:
        return found
    batch = _answers(vocabulary, np.random.default_rng(seed))
    model.eval()
    with torch.inference_mode():
        parallel = model(batch)[0].double().softmax(-1).numpy()  # (T, K)
        found = _of_figures(model, batch)
    apart = np.abs(_stepped(steps, initial_state, batch) - parallel).max(1)  # (T,)
    if (~(apart <= TOLERANCE)).sum() > MOST_APART:
        found.append(
            f"The steps that are served differ from the model by up to {apart.max():.4f} in {ANSWERS} predictions."
        )
    return found


def _answers(vocabulary: Vocabulary, rng: np.random.Generator) -> Batch:
    """Return the answers of one student to items of the catalogue, one in ten unseen; times only where training had
    them, as serving tells them."""
    items = rng.integers(UNSEEN, vocabulary.num_item_indices, ANSWERS)
    items[rng.random(ANSWERS) < 0.1] = UNSEEN
    skills = rng.integers(0, vocabulary.num_skill_indices, (ANSWERS, vocabulary.skills_per_item))
    everything = torch.ones(1, ANSWERS, dtype=torch.bool)

    def seconds(most: float, *, are_known: bool) -> Tensor:
        drawn = np.exp(rng.uniform(0, np.log(most), ANSWERS))
        drawn[(rng.random(ANSWERS) < 0.3) | (not are_known)] = UNKNOWN_TIME
        return torch.from_numpy(drawn).float()[None]

    return Batch(
        items=torch.from_numpy(items)[None],
        skills=torch.from_numpy(skills)[None],
        responses=torch.from_numpy(rng.integers(0, vocabulary.num_categories, ANSWERS))[None],
        valid=everything,
        targets=everything,
        lags=seconds(1e7, are_known=vocabulary.has_lags),
        elapsed=seconds(600, are_known=vocabulary.has_elapsed),
        groups=torch.zeros(1, dtype=torch.long),
    )


def _stepped(steps: Steps, state: NDArray[np.float32], batch: Batch) -> NDArray[np.float64]:
    """Return the probabilities (T, K) of a batch's one student as serving gives them, an answer at a time."""
    items, skills, responses = batch.items[0].numpy(), batch.skills[0].numpy(), batch.responses[0].tolist()
    said: list[NDArray[np.float32]] = []
    for t, (lag, elapsed) in enumerate(zip(batch.lags[0].tolist(), batch.elapsed[0].tolist(), strict=True)):
        said.append(steps.predict(state, items[t : t + 1], skills[t : t + 1], lag=lag)[0])
        state = steps.observe(
            state, int(items[t]), skills[t].tolist(), responses[t], lag=lag, elapsed=elapsed
        )
    return np.array(said, dtype=np.float64)


def _of_figures(model: ResponseModel, batch: Batch) -> list[str]:
    if isinstance(model, PartialCreditModel):
        figures = model.figures(batch)
        rise = figures.thresholds.diff(dim=-1)
        return [
            *_of_ability(figures.ability, LARGEST_ABILITY),
            *_of_discrimination(figures.discrimination),
            *([] if rise.ge(0).all() else [f"Thresholds of an item fall by {-rise.min():g}."]),
        ]
    if isinstance(model, MeasuringModel):
        wide, ability = model.measure(batch)
        return [*_of_ability(ability, STRONGEST), *_of_discrimination(wide.discrimination)]
    return _of_discrimination(model.slopes) if isinstance(model, CalibratedModel) else []


def _of_ability(ability: Tensor, most: float) -> list[str]:
    if ability.abs().le(most).all():
        return []
    return [f"Abilities reach from {ability.min():g} to {ability.max():g}, beyond -{most:g} to {most:g}."]


def _of_discrimination(discrimination: Tensor) -> list[str]:
    if discrimination.gt(0).all():
        return []
    return [f"The discrimination of an item is {discrimination.min():g}, not positive."]
