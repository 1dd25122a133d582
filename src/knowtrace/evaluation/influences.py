"""Which past answers each prediction of one student looked at most, where the model's attention can be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from knowtrace.domain import Interaction
from knowtrace.errors import NotFoundError, TrainingError
from knowtrace.evaluation.scoring import load_for
from knowtrace.models import MODELS, Batch
from knowtrace.models.attention import top_influences
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.training.predicting import turns
from knowtrace.training.sequences import encode


@runtime_checkable
class Attentive(Protocol):
    """A model that says how much each past answer weighs in each prediction, (B, T, W); see `top_influences`."""

    def influences(self, batch: Batch) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Influence:
    """A past answer: its place in the history, from 1, what was answered, and its share of the attention, in (0, 1]."""

    position: int
    item_id: str
    response: int
    weight: float


@dataclass(frozen=True, kw_only=True)
class Influenced:
    """A prediction: the answer's place in the history, from 1, the expected credit, in [0, 1], the response that came,
    and the past answers that weigh most, heaviest first."""

    position: int
    item_id: str
    predicted: float
    response: int
    influences: tuple[Influence, ...]


def influences(run: Run, dataset: Dataset, student_id: str, *, top: int = 3) -> list[Influenced]:
    """Return a student's predictions with the `top` past answers that weigh most in each; the first rests on none.

    Answers given together are each predicted from what stood before all of them (ADR-0006), as in `predict_all`.

    Raises:
        NotFoundError: the data have no such student.
        TrainingError: the model has no attention to read, or the data have more categories than the run.
    """
    model, vocabulary = load_for(run, dataset)
    if not isinstance(model, Attentive):
        able = [name for name, entry in MODELS.items() if hasattr(entry.model, "influences")]
        raise TrainingError(
            f"{run.version} cannot say which answers it rests on: {run.name} has no attention to read. "
            f"Models that have: {', '.join(able)}."
        )
    if student_id not in dataset.students:
        raise NotFoundError(
            f"{dataset.name} has no student {student_id!r}. Give an id as it stands in the data."
        )
    sequences = encode(dataset, [student_id], vocabulary)
    credit = torch.linspace(0, 1, vocabulary.num_categories, dtype=torch.float64)
    history = dataset.students[student_id]
    found: list[Influenced] = []
    for batch, where, asked in turns(sequences, np.zeros(1, dtype=np.int64)):
        with torch.inference_mode():
            predicted = model(batch)[0].double().softmax(-1) @ credit
            weights = model.influences(batch)
        steps, heaviest = (each[0].tolist() for each in top_influences(weights, min(top, weights.shape[-1])))
        for t in asked.tolist():
            past = [
                _influence(history, int(where[step]), weight)
                for step, weight in zip(steps[t], heaviest[t], strict=True)
                if step >= 0
            ]
            place = int(where[t])
            found.append(
                Influenced(
                    position=place + 1,
                    item_id=history[place].item_id,
                    predicted=float(predicted[t]),
                    response=history[place].response,
                    influences=tuple(past),
                )
            )
    return sorted(found, key=lambda prediction: prediction.position)


def _influence(history: Sequence[Interaction], place: int, weight: float) -> Influence:
    answer = history[place]
    return Influence(position=place + 1, item_id=answer.item_id, response=answer.response, weight=weight)
