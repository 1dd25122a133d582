"""Histories, or parts of them, as slices of long arrays: batches are gathered from them, nothing else is copied."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from knowtrace.domain import UNKNOWN_TIME
from knowtrace.models import Batch
from knowtrace.training.containers import Containers

if TYPE_CHECKING:
    from knowtrace.training.sequences import Sequences

Integers = NDArray[np.int64]

ANSWERS_AT_ONCE = 1_000_000
"""Answers that are looked at together where all are: a few dozen megabytes."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """The L answers of some pieces, one piece after the other: lengths and groups (B,), and where each answer stands in
    the arrays of `sequences` and whether it begins a container of its piece, (L,)."""

    sequences: "Sequences"
    lengths: Integers
    where: Integers
    begins: NDArray[np.bool_]
    groups: Integers

    @cached_property
    def containers(self) -> Containers:
        return Containers(self.begins)

    def turned(self, shifts: Integers | None) -> Integers:
        """Return where the answers stand, (L,), each container turned by its shift, (C,), as `Containers.turned`
        says."""
        return self.where if shifts is None else self.where[self.containers.turned(shifts)]

    def batch(self, shifts: Integers | None = None) -> Batch:
        """Return the answers as one padded batch, each container turned by its shift, (C,); lags stay."""
        answers, turned = self.sequences, self.turned(shifts)
        valid = np.arange(self.lengths.max()) < self.lengths[:, None]  # (B, T)

        def padded(values: NDArray[Any], fill: Any = 0) -> torch.Tensor:
            rows = np.full((*valid.shape, *values.shape[1:]), fill, dtype=values.dtype)
            rows[valid] = values
            return torch.from_numpy(rows)

        return Batch(
            items=padded(answers.items[turned]),
            skills=padded(answers.skills[turned]),
            responses=padded(answers.responses[turned]),
            valid=torch.from_numpy(valid),
            targets=padded(self.begins),
            lags=padded(answers.lags[self.where], UNKNOWN_TIME),
            elapsed=padded(answers.elapsed[turned], UNKNOWN_TIME),
            groups=torch.from_numpy(self.groups),
        )


@dataclass(frozen=True, eq=False)
class Pieces:
    """P stretches of histories, each learnt from as if it were a whole one: its first answer begins anew.

    Piece p is the answers firsts[p] … firsts[p] + lengths[p] - 1 of the student owners[p], all (P,). `shifts` (M,), at
    the first answer of each container, is how far it is turned; None where none is.
    """

    sequences: "Sequences"
    firsts: Integers
    lengths: Integers
    owners: Integers
    shifts: NDArray[np.int32] | None = None

    @property
    def num_answers(self) -> int:
        return int(self.lengths.sum())

    def stretch(self, chosen: Any) -> Stretch:
        """Return the answers of the chosen pieces, numbers or a slice of them."""
        lengths, firsts = self.lengths[chosen], self.firsts[chosen]
        starts = np.cumsum(lengths) - lengths
        where = np.repeat(firsts - starts, lengths) + np.arange(lengths.sum())
        begins = self.sequences.begins[where]
        begins[starts[lengths > 0]] = True
        return Stretch(self.sequences, lengths, where, begins, self.sequences.groups[self.owners[chosen]])

    def batch(self, chosen: Any) -> Batch:
        """Return the answers of some pieces as one padded batch, as long as the longest of them."""
        stretch = self.stretch(chosen)
        if self.shifts is None:
            return stretch.batch()
        return stretch.batch(self.shifts[stretch.where[stretch.containers.firsts]].astype(np.int64))

    def beginnings(self, longest: int) -> "Pieces":
        """Return the first `longest` answers of each piece."""
        return replace(self, lengths=np.minimum(self.lengths, longest))

    def turned(self, rng: np.random.Generator) -> "Pieces":
        """Return the same pieces with each container turned at random, so that any of its answers may come first."""
        if all(stretch.containers.are_single for stretch in self.stretches()):
            return self
        shifts = self.sequences.scratch.empty((len(self.sequences.begins),), np.int32)
        for stretch in self.stretches():
            containers = stretch.containers
            shifts[stretch.where[containers.firsts]] = rng.integers(containers.sizes)
        return replace(self, shifts=shifts)

    def stretches(self) -> Iterator[Stretch]:
        """Yield all pieces in order, as many at once as are looked at together."""
        ends = np.cumsum(self.lengths)
        first = 0
        while first < len(ends):
            before = ends[first] - self.lengths[first]
            last = int(np.searchsorted(ends, before + ANSWERS_AT_ONCE, side="right"))
            last = max(last, first + 1)
            yield self.stretch(slice(first, last))
            first = last
