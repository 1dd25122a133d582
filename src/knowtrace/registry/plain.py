"""What answers when no trained model can: how items were answered in training, and nothing else.

Both stand in the shape of a run, so that whoever serves a run can serve them. Their intervals say nothing (0 to 1):
nobody has measured how far they may be off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import FIRST_KNOWN, UNKNOWN_TIME, MasteryIntervals, Vocabulary
from knowtrace.registry.panels import Panels, choose_panels

Floats = NDArray[np.float32]

PRIOR_ANSWERS = 5.0
"""Answers of the average kind that an item's own are weighed against."""

PRIOR_INFORMATION = 1.0
"""How much a student's answers must tell before they move the student half of the way: four answers at even odds."""

KNOWS_NOTHING = MasteryIntervals(
    level=1.0,
    evidence_from=np.array([0]),
    grid=np.array([0.0, 1.0]),
    low=np.zeros((1, 2)),
    high=np.ones((1, 2)),
)


class CountSteps:
    """How often each category was given to an item, moved by how the student did against such expectations.

    State (2,): score beyond expectation, and what the answers could tell (their variance). The student's ability is
    the one over the other and PRIOR_INFORMATION, one Newton step of maximum a posteriori from zero; categories are
    tilted by it: p(k) ~ share(k) * exp(k * ability).
    """

    def __init__(self, vocabulary: Vocabulary, panels: Panels, *, hears_answers: bool = True) -> None:
        self.state_size = 2
        self.num_panel_items = len(panels.items)
        self._hears = hears_answers
        self._panels = panels
        num_categories = vocabulary.num_categories
        counts = np.zeros((vocabulary.num_item_indices, num_categories))
        for position, item in enumerate(vocabulary.items):
            if item.category_counts:
                counts[FIRST_KNOWN + position] = item.category_counts
        overall = (counts.sum(0) + 1) / (counts.sum() + num_categories)
        shares = counts + PRIOR_ANSWERS * overall
        if not hears_answers:
            shares = np.broadcast_to(overall, shares.shape)
        self._shares = shares / shares.sum(1, keepdims=True)
        self._categories = np.arange(num_categories)

    def observe(
        self,
        state: Floats,
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        lag: float = UNKNOWN_TIME,
        elapsed: float = UNKNOWN_TIME,
    ) -> Floats:
        if not self._hears:
            return state
        expected = self._tilted(state, np.array([item]))[0]
        mean = float(expected @ self._categories)
        variance = float(expected @ (self._categories - mean) ** 2)
        return (state + np.array([response - mean, variance])).astype(np.float32)

    def predict(
        self,
        state: Floats,
        items: NDArray[np.int64],
        skills: NDArray[np.int64],
        *,
        lag: float = UNKNOWN_TIME,
    ) -> Floats:
        return self._tilted(state, items).astype(np.float32)

    def answer(
        self,
        state: Floats,
        item: int,
        skills: Sequence[int],
        response: int,
        *,
        asked: Panels,
        lag: float = UNKNOWN_TIME,
        elapsed: float = UNKNOWN_TIME,
        asked_lag: float = UNKNOWN_TIME,
    ) -> tuple[Floats, Floats]:
        after = self.observe(state, item, skills, response)
        return after, self.predict(after, asked.items, asked.skills)

    def mastery(self, state: Floats, *, lag: float = UNKNOWN_TIME) -> Floats:
        return self.predict(state, self._panels.items, self._panels.skills)

    def _tilted(self, state: Floats, items: NDArray[np.int64]) -> NDArray[np.float64]:
        ability = float(state[0]) / (float(state[1]) + PRIOR_INFORMATION)
        weights = self._shares[items] * np.exp(ability * (self._categories - self._categories[-1] / 2))
        return weights / weights.sum(1, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class PlainRun:
    """Items' counts in the place of a run. `hears_answers` false leaves of it what is expected of anybody."""

    of: str
    vocabulary: Vocabulary
    hears_answers: bool

    @property
    def name(self) -> str:
        return "item-counts" if self.hears_answers else "prior"

    @property
    def version(self) -> str:
        """Named after the run whose items these are."""
        return f"{self.name}-of-{self.of}"

    @property
    def intervals(self) -> MasteryIntervals:
        return KNOWS_NOTHING

    @property
    def initial_state(self) -> Floats:
        return np.zeros(2, dtype=np.float32)

    @cached_property
    def panels(self) -> Panels:
        return choose_panels(self.vocabulary)

    def steps(self) -> CountSteps:
        return CountSteps(self.vocabulary, self.panels, hears_answers=self.hears_answers)
