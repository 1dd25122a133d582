"""Answers in columns, some students at a time: for what passes over more answers than memory holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

UNKNOWN_MOMENT = np.iinfo(np.int64).min
"""Stands for a time that nobody recorded, among microseconds since 1970."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shard:
    """All answers of N students, M in all, one student after the other, in order.

    starts (N + 1,): student n owns starts[n]:starts[n + 1] · items (M,), places in `Shards.item_ids` · skill_sets (M,),
    places in `Shards.skill_sets` · responses (M,) · begins (M,), False where an answer was given together with the one
    before it · answered_at (M,), microseconds since 1970, or UNKNOWN_MOMENT · elapsed_seconds (M,), NaN where unknown.
    """

    student_ids: Sequence[str]
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    skill_sets: NDArray[np.int64]
    responses: NDArray[np.int64]
    begins: NDArray[np.bool_]
    answered_at: NDArray[np.int64]
    elapsed_seconds: NDArray[np.float64]


class Shards(Protocol):
    """The answers of a dataset as shards, anew each time they are asked for; students in the dataset's order."""

    @property
    def item_ids(self) -> Sequence[str]: ...
    @property
    def skill_sets(self) -> Sequence[tuple[str, ...]]: ...
    def __iter__(self) -> Iterator[Shard]: ...
