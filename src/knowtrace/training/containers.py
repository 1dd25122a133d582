"""Answers that were given together: none of them may foretell another (ADR-0006).

A model's state before the first answer of a container has seen none of it, so the first is a target and the others are
history. Nothing says in what order they were given: each of them may be turned to the front, so none has to be lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import UNKNOWN_TIME, Interaction, given_together, lag_to_asking
from knowtrace.domain.interaction import SITTING_SECONDS
from knowtrace.sources.shards import UNKNOWN_MOMENT


def begins_of(history: Sequence[Interaction]) -> list[bool]:
    """Return which answers of a student begin a container: all but those given together with the one before."""
    previous = [None, *history[:-1]]
    return [not given_together(*pair) for pair in zip(previous, history, strict=True)]


def lags_of(history: Sequence[Interaction]) -> list[float]:
    """Return the seconds from what came before each answer of a student to its asking, or UNKNOWN_TIME.

    All items of a container are asked at once: its first answer has the lag to that, less the time spent on the answers
    up to each, for that tells of them; the others have none.
    """
    lags: list[float] = []
    first = 0
    previous: Interaction | None = None
    last: datetime | None = None
    spent: float | None = None
    for place, answer in enumerate(history):
        if given_together(previous, answer):
            spent = (
                None if spent is None or answer.elapsed_seconds is None else spent + answer.elapsed_seconds
            )
            lags[first] = min(lags[first], lag_to_asking(last, answer.answered_at, spent))
            lags.append(UNKNOWN_TIME if answer.answered_at is None else 0.0)
        else:
            first, spent = place, answer.elapsed_seconds
            last = None if previous is None else previous.answered_at
            lags.append(lag_to_asking(last, answer.answered_at, spent))
        previous = answer
    return lags


def lags_in_columns(
    begins: NDArray[np.bool_],
    firsts: NDArray[np.bool_],
    times: NDArray[np.int64],
    elapsed: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return `lags_of` many students, one after the other, (M,).

    begins (M,) · firsts (M,), True at each student's first answer · times (M,), microseconds, or UNKNOWN_MOMENT ·
    elapsed (M,), NaN where unknown.
    """
    containers = Containers(begins)
    spent = elapsed.copy()
    # Sums of one container at a time, in order: a running sum over all would round otherwise.
    for place in range(1, int(containers.sizes.max(initial=1))):
        here = containers.firsts[containers.sizes > place] + place
        spent[here] += spent[here - 1]
    first = containers.firsts[containers.numbers]  # (M,)
    last = np.where(firsts[first], UNKNOWN_MOMENT, times[first - 1])
    seconds = (times - last) / 1e6
    asked = np.where(
        np.isnan(spent),
        np.where(seconds >= SITTING_SECONDS, seconds, 0.0),
        np.maximum(seconds - spent, 0.0),
    )
    asked[(last == UNKNOWN_MOMENT) | (times == UNKNOWN_MOMENT)] = UNKNOWN_TIME
    lags = np.where(times == UNKNOWN_MOMENT, UNKNOWN_TIME, 0.0)
    if len(begins):
        lags[containers.firsts] = np.minimum.reduceat(asked, containers.firsts)
    return lags


@dataclass(frozen=True, eq=False)
class Containers:
    """The C containers of M answers in order: which of them begin one, (M,). An answer alone is a container of one."""

    begins: NDArray[np.bool_]

    @cached_property
    def firsts(self) -> NDArray[np.int64]:
        """The first answer of each, (C,)."""
        return np.flatnonzero(self.begins)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """How many answers each has, (C,)."""
        return np.diff(self.firsts, append=len(self.begins))

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """The container of each answer, (M,)."""
        return np.repeat(np.arange(len(self.firsts)), self.sizes)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place of each answer in its container, from 0, (M,)."""
        return np.arange(len(self.begins)) - self.firsts[self.numbers]

    @property
    def are_single(self) -> bool:
        """Whether no two answers were given together."""
        return bool(self.begins.all())

    def turned(self, shifts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the order (M,) in which each container, shifts (C,), begins with that place of its answers: those
        before it follow at its end."""
        places = (self.places + shifts[self.numbers]) % self.sizes[self.numbers]
        return self.firsts[self.numbers] + places
