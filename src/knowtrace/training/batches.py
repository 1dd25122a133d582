"""Batches of similar length, so that little of a step is spent on padding."""

import numpy as np
from numpy.typing import NDArray

from knowtrace.training.sequences import Sequences
from knowtrace.training.stretches import Pieces

LENGTH_JITTER = 0.1
"""Relative noise on lengths before sorting, so that no two epochs group the same students."""


def bucket(
    sequences: Sequences | Pieces, *, batch_answers: int, rng: np.random.Generator | None = None
) -> list[NDArray[np.int64]]:
    """Return groups of students, or pieces, of similar length, each at most `batch_answers` padded answers (or one).

    With `rng` groups and their order are random; without, they are sorted by length.
    """
    lengths = sequences.lengths
    jitter = np.exp(rng.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(lengths))) if rng else 1.0
    groups: list[NDArray[np.int64]] = []
    order = np.argsort(lengths * jitter, kind="stable")
    first, longest = 0, 0
    for position, student in enumerate(order):
        longest_with = max(longest, int(lengths[student]))
        if position > first and longest_with * (position - first + 1) > batch_answers:
            groups.append(order[first:position])
            first, longest_with = position, int(lengths[student])
        longest = longest_with
    if len(order):
        groups.append(order[first:])
    if rng:
        groups = [groups[i] for i in rng.permutation(len(groups))]
    return groups
