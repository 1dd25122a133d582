"""What is asked of whatever is served: the steps of one student at a time."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowtrace.registry.panels import Panels

Floats = NDArray[np.float32]


class Steps(Protocol):
    """A model as a filter, one student at a time. Holds no student; may be called from several threads at once."""

    state_size: int
    num_panel_items: int

    def observe(
        self,
        state: Floats,
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        lag: float = ...,
        elapsed: float = ...,
    ) -> Floats:
        """Return the state (D,) after one answer: item index, padded row of skill indices, category, seconds."""
        ...

    def answer(
        self,
        state: Floats,
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        asked: Panels,
        lag: float = ...,
        elapsed: float = ...,
        asked_lag: float = ...,
    ) -> tuple[Floats, Floats]:
        """Return the state (D,) after one answer, and category probabilities (N, K) of items of the panels."""
        ...

    def predict(
        self, state: Floats, items: NDArray[np.int64], skills: NDArray[np.int64], *, lag: float = ...
    ) -> Floats:
        """Return category probabilities (N, K) of items (N,) with skills (N, S)."""
        ...

    def mastery(self, state: Floats, *, lag: float = ...) -> Floats:
        """Return category probabilities (N, K) of the items of all panels."""
        ...
