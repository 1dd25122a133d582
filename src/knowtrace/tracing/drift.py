"""Whether the answers that come in are still such as the model was trained on.

Three figures over the latest answers, each counting half as much as one that came `HALF_LIFE` later:

    unseen share     answers to items that training never saw answered
    mix shift        the population stability index of the items' difficulty in training: do easier, or harder, items
                     come than then? Below 0.1 is the same, above 0.25 another population (Siddiqi, 2006)
    score shift      mean score now, less what the same items had in training
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from knowtrace.domain import Vocabulary
from knowtrace.domain.vocabulary import FIRST_KNOWN

HALF_LIFE = 2_000
"""Answers: the weight behind the figures is at most 2,900 (1.44 half-lives)."""

FADING = 0.5 ** (1 / HALF_LIFE)

FEWEST = 100
"""Less weight gives no figure."""

BINS = 10
SMALLEST_SHARE = 1e-4
"""An empty bin would make the index infinite."""


class Drift:
    """Follows the answers of one process against the vocabulary of one model; starts anew with each model."""

    def __init__(self) -> None:
        self._version = ""
        self._means: NDArray[np.float64] = np.empty(0)
        self._bins: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._expected: NDArray[np.float64] = np.empty(0)
        self._begin()

    def observe(self, answers: Iterable[tuple[str, int]], vocabulary: Vocabulary, version: str) -> None:
        """Hear of answers as (item_id, response), as a model of this vocabulary and version was asked about them."""
        if version != self._version:
            self._version = version
            self._means, self._bins, self._expected = _reference(vocabulary)
            self._begin()
        top = vocabulary.num_categories - 1
        for item_id, response in answers:
            self._observed *= FADING
            self._shift *= FADING
            self._unseen *= FADING
            place = vocabulary.item_index(item_id) - FIRST_KNOWN
            if place < 0 or math.isnan(self._means[place]):
                self._unseen += 1
                continue
            self._observed[self._bins[place]] += 1
            self._shift += response / top - self._means[place]

    def unseen_share(self) -> float:
        """Return the share of answers to items that training never saw, NaN for too few answers."""
        weight = self._unseen + float(self._observed.sum())
        return self._unseen / weight if weight >= FEWEST else math.nan

    def mix_shift(self) -> float:
        """Return the population stability index of the items' training difficulty, NaN for too few answers."""
        weight = float(self._observed.sum())
        if weight < FEWEST:
            return math.nan
        now = np.maximum(self._observed / weight, SMALLEST_SHARE)
        then = np.maximum(self._expected, SMALLEST_SHARE)
        return float(((now - then) * np.log(now / then)).sum())

    def score_shift(self) -> float:
        """Return the mean score less that of the same items in training, in [-1, 1], NaN for too few answers."""
        weight = float(self._observed.sum())
        return self._shift / weight if weight >= FEWEST else math.nan

    def _begin(self) -> None:
        self._observed: NDArray[np.float64] = np.zeros(BINS)
        self._shift = 0.0
        self._unseen = 0.0


def _reference(
    vocabulary: Vocabulary,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Return each item's mean score in training (NaN for none), its bin, and the share of training in each bin.

    Bins are cut so that each holds a tenth of the training answers, as far as items can be cut.
    """
    counts = np.array([item.num_answers for item in vocabulary.items], dtype=np.float64)
    means = np.array([item.mean_score if item.num_answers else math.nan for item in vocabulary.items])
    order = np.argsort(means, kind="stable")  # NaN comes last
    before = np.cumsum(counts[order]) - counts[order]
    bins = np.zeros(len(counts), dtype=np.int64)
    total = counts.sum()
    bins[order] = np.minimum(before / total * BINS, BINS - 1) if total else 0
    expected = np.bincount(bins, weights=counts, minlength=BINS).astype(np.float64)
    return means, bins, expected / max(total, 1.0)
