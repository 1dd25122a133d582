"""What a run predicts for one part of some data, answer by answer, with the full history as context."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.domain import Vocabulary
from knowtrace.errors import TrainingError
from knowtrace.models import ResponseModel
from knowtrace.registry import Run
from knowtrace.sources import Dataset
from knowtrace.training import (
    load_model,
    notes_on_containers,
    predict_all,
    recipe_of,
    scored_answers,
    split_of,
)
from knowtrace.training.sequences import Sequences, encode
from knowtrace.training.train import fingerprint

PARTS = ("test", "valid", "train", "all")


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The scored answers of a part: all but each student's first, and what was given together with it.

    probabilities (M, K) · responses (M,) · owners (M,), the number of the student behind each, in `sequences` ·
    scored (T,), which of all answers they are.
    """

    vocabulary: Vocabulary
    sequences: Sequences
    scored: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    responses: NDArray[np.int64]
    owners: NDArray[np.int64]
    protocol: str
    interactions_per_second: float
    notes: tuple[str, ...]


def score(run: Run, dataset: Dataset, *, part: str = "test", device: torch.device | None = None) -> Scored:
    """Predict every answer of a part.

    Raises:
        TrainingError: the part does not exist or has no answer to score, or the data have more response categories
            than the run.
    """
    if part not in PARTS:
        raise TrainingError(f"No part {part!r}. Choose one of {', '.join(PARTS)}.")
    model, vocabulary = load_for(run, dataset)
    notes: list[str] = []
    if fingerprint(dataset) != run.config["data"]["fingerprint"]:
        notes.append(
            f"these are not the data of the run ({run.config['data']['name']}): students may have been learnt from"
        )
    split = split_of(dataset, recipe_of(run))
    if not notes and split.fingerprint != run.config["data"].get("parts", split.fingerprint):
        notes.append(
            f"the parts are not those of the run ({run.config['data']['split']}): students may have been learnt from"
        )
    sequences = encode(dataset, split.part(part), vocabulary)
    probabilities, responses, seconds = predict_all(model.to(device or "cpu"), sequences, device=device)
    scored = scored_answers(sequences)
    if not scored.any():
        raise TrainingError(
            f"No answer of the {part} part of {dataset.name} is scored: each of its {len(sequences.student_ids)} "
            "students has one answer, or gave all of them together, and first answers are not scored. Give longer "
            "histories."
        )
    notes += notes_on_containers(sequences)
    return Scored(
        vocabulary=vocabulary,
        sequences=sequences,
        scored=scored,
        probabilities=probabilities[scored],
        responses=responses[scored],
        owners=np.repeat(np.arange(len(sequences.student_ids)), sequences.lengths)[scored],
        protocol=split.rule,
        interactions_per_second=sequences.num_answers / seconds,
        notes=tuple(notes),
    )


def load_for(run: Run, dataset: Dataset) -> tuple[ResponseModel, Vocabulary]:
    """Return a run's trained model and its vocabulary, to be asked about some data.

    Raises:
        TrainingError: the data have more response categories than the run.
    """
    model, vocabulary = load_model(run)
    if dataset.num_categories > vocabulary.num_categories:
        raise TrainingError(
            f"{dataset.name} has {dataset.num_categories} response categories, the run was trained on "
            f"{vocabulary.num_categories}. Evaluate it on data of its own kind."
        )
    return model, vocabulary
