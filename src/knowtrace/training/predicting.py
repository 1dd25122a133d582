"""What a model, whichever it is, says of every answer before it knows it, and which of that is scored."""

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.models import Batch, ResponseModel
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
    shape = (sequences.num_answers, model.sizes.num_categories)
    probabilities: NDArray[np.float64] = sequences.scratch.empty(shape, np.float64)
    probabilities.fill(np.nan)
    began = time.perf_counter()
    with torch.inference_mode():
        for students in bucket(sequences, batch_answers=EVALUATION_BATCH_ANSWERS):
            for batch, where, asked in turns(sequences, students):
                logits = model(batch.to(device) if device else batch).cpu()
                found = logits[batch.valid].double().softmax(-1).numpy()  # (L, K)
                probabilities[where[asked]] = found[asked]
    return probabilities, sequences.responses, time.perf_counter() - began


def turns(
    sequences: Sequences, students: NDArray[np.int64]
) -> Iterator[tuple[Batch, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the passes over some students in which all of their answers are predicted, as `predict_all` says.

    Each is a batch of L answers, where each of them stands in `sequences`, (L,), and which of them the pass predicts.
    """
    sizes = sequences.whole.stretch(students).containers.sizes
    for turn in range(min(int(sizes.max(initial=1)), MOST_TURNS)):
        stretch = sequences.whole.stretch(_asked(sequences, students, turn))
        containers = stretch.containers
        shifts = None if containers.are_single else _shifts(containers.sizes, turn)
        yield stretch.batch(shifts), stretch.turned(shifts), containers.firsts[containers.sizes > turn]


def scored_answers(sequences: Sequences) -> NDArray[np.bool_]:
    """Return which answers the protocol scores, (M,): all but each student's first and what was given together with it,
    and of containers beyond MOST_TURNS those that are predicted."""
    scored = np.zeros(sequences.num_answers, dtype=bool)
    for stretch in sequences.whole.stretches():
        containers = stretch.containers
        here = np.zeros(len(stretch.where), dtype=bool)
        for turn in range(min(int(containers.sizes.max(initial=1)), MOST_TURNS)):
            has_turn = containers.sizes > turn
            here[(containers.firsts + _shifts(containers.sizes, turn))[has_turn]] = True
        is_first = np.zeros(len(containers.sizes), dtype=bool)
        starts = np.cumsum(stretch.lengths) - stretch.lengths
        is_first[containers.numbers[starts[stretch.lengths > 0]]] = True
        scored[stretch.where] = here & ~is_first[containers.numbers]
    return scored


def notes_on_containers(sequences: Sequences) -> list[str]:
    """Return what a reader of figures must know of answers given together; nothing where there are none."""
    sizes = np.concatenate([stretch.containers.sizes for stretch in sequences.whole.stretches()])
    if (sizes == 1).all():
        return []
    num_together = int(sizes[sizes > 1].sum())
    num_unscored = int((~scored_answers(sequences)).sum())
    return [
        f"{num_together:,} of {sequences.num_answers:,} answers were given together with others: each is predicted "
        f"from what stood before all of these; {num_unscored:,} answers are not scored, as a student's first, given "
        f"together with it, or beyond {MOST_TURNS} of one container"
    ]


def _shifts(sizes: NDArray[np.int64], turn: int) -> NDArray[np.int64]:
    """Return which answer of each container, sizes (C,), comes first in a turn."""
    return turn * np.maximum(sizes, MOST_TURNS) // MOST_TURNS


def _asked(sequences: Sequences, students: NDArray[np.int64], turn: int) -> NDArray[np.int64]:
    """Return those of some students who have a container of more answers than turns before."""
    if not turn:
        return students
    stretch = sequences.whole.stretch(students)
    containers = stretch.containers
    owners = np.repeat(students, stretch.lengths)[containers.firsts]
    return students[np.isin(students, owners[containers.sizes > turn])]
