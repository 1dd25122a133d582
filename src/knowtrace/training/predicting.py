"""What a model, whichever it is, says of every answer before it knows it, and which of that is scored."""

import time

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.models import ResponseModel
from knowtrace.training.batches import bucket
from knowtrace.training.sequences import Sequences

EVALUATION_BATCH_ANSWERS = 32_768

MOST_TURNS = 32
"""Of more answers given together so many are predicted, evenly spread: each costs a pass over the history."""


def predict_all(
    model: ResponseModel, sequences: Sequences, *, device: torch.device | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Return probabilities (M, K) of all answers in order with full histories, responses (M,), and seconds taken.

    Answers given together are each predicted from what stood before all of them: in one pass the first of each
    container, in the next its second, turned to the front, and so on. Those beyond MOST_TURNS are NaN.
    """
    model.eval()
    probabilities = np.full((sequences.num_answers, model.sizes.num_categories), np.nan)
    groups = bucket(sequences, batch_answers=EVALUATION_BATCH_ANSWERS)
    containers = sequences.containers
    began = time.perf_counter()
    with torch.inference_mode():
        for turn in range(min(int(containers.sizes.max(initial=1)), MOST_TURNS)):
            shifts = _shifts(containers.sizes, turn)
            order, turned = containers.turned(shifts), sequences.turned(shifts)
            asked = sequences.begins & (containers.sizes > turn)[containers.numbers]  # (M,)
            for students in _with_any(groups, asked, sequences):
                batch = turned.batch(students)
                logits = model(batch.to(device) if device else batch).cpu()
                where = np.concatenate(
                    [
                        np.arange(int(sequences.starts[s]), int(sequences.starts[s + 1]))
                        for s in students.tolist()
                    ]
                )
                found = logits[batch.valid].double().softmax(-1).numpy()
                chosen = asked[where]
                probabilities[order[where[chosen]]] = found[chosen]
    return probabilities, sequences.responses, time.perf_counter() - began


def scored_answers(sequences: Sequences) -> NDArray[np.bool_]:
    """Return which answers the protocol scores, (M,): all but each student's first and what was given together with it,
    and of containers beyond MOST_TURNS those that are predicted."""
    containers = sequences.containers
    scored = np.zeros(sequences.num_answers, dtype=bool)
    for turn in range(min(int(containers.sizes.max(initial=1)), MOST_TURNS)):
        has_turn = containers.sizes > turn
        scored[(containers.firsts + _shifts(containers.sizes, turn))[has_turn]] = True
    is_first = np.zeros(len(containers.sizes), dtype=bool)
    is_first[containers.numbers[sequences.starts[:-1]]] = True
    return scored & ~is_first[containers.numbers]


def notes_on_containers(sequences: Sequences) -> list[str]:
    """Return what a reader of figures must know of answers given together; nothing where there are none."""
    containers = sequences.containers
    if containers.are_single:
        return []
    num_together = int(containers.sizes[containers.sizes > 1].sum())
    num_unscored = int((~scored_answers(sequences)).sum())
    return [
        f"{num_together:,} of {sequences.num_answers:,} answers were given together with others: each is predicted "
        f"from what stood before all of these; {num_unscored:,} answers are not scored, as a student's first, given "
        f"together with it, or beyond {MOST_TURNS} of one container"
    ]


def _shifts(sizes: NDArray[np.int64], turn: int) -> NDArray[np.int64]:
    """Return which answer of each container, sizes (C,), comes first in a turn."""
    return turn * np.maximum(sizes, MOST_TURNS) // MOST_TURNS


def _with_any(
    groups: list[NDArray[np.int64]], asked: NDArray[np.bool_], sequences: Sequences
) -> list[NDArray[np.int64]]:
    """Return groups of students, but only those whom something is asked of."""
    num_asked = np.concatenate([[0], asked.cumsum()])
    is_asked = num_asked[sequences.starts[1:]] > num_asked[sequences.starts[:-1]]
    return [kept for students in groups if len(kept := students[is_asked[students]])]
