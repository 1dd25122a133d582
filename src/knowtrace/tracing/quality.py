"""How good the live predictions are: each sampled answer is predicted before the model hears of it.

Prequential evaluation (Dawid, 1984): no answer is ever used before it was predicted, so nothing leaks and no data need
be held out.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np

from knowtrace.domain import Interaction, metrics
from knowtrace.tracing.student import StudentState
from knowtrace.tracing.tracer import Tracer

WINDOW = 2_000
"""Answers that the figures are about: the last ones."""

FEWEST = 100
"""Fewer answers give no figure: at 100 the standard error of an AUC is about 0.05."""


class LiveQuality:
    """Predicts a share of the answers before they are observed, and judges the predictions of the last 2,000.

    The share is drawn by a hash of the student and the number of answers, so that who is sampled depends on nothing
    that the answer says. Starts anew with each model.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = Lock()
        self._version = ""
        self._said: deque[tuple[Sequence[float], int]] = deque(maxlen=WINDOW)

    def foresee(self, tracer: Tracer, state: StudentState, interaction: Interaction) -> None:
        """Predict an answer that the state has not seen, if it is among the share."""
        if not self._share or _draw(interaction.student_id, state.num_answers) >= self._share:
            return
        question = (interaction.item_id, interaction.skill_ids)
        said = tracer.probabilities(state, [question], at=interaction.answered_at)[0].tolist()
        with self._lock:
            if tracer.version != self._version:
                self._version = tracer.version
                self._said.clear()
            self._said.append((said, interaction.response))

    @property
    def num_scored(self) -> int:
        return len(self._said)

    def auc(self) -> float:
        """Return the AUC of the last answers, NaN for too few or all alike."""
        return self._figure(metrics.auc)

    def calibration_error(self) -> float:
        """Return the expected calibration error of the last answers, NaN for too few."""
        return self._figure(metrics.ece)

    def _figure(self, metric: Callable[..., float]) -> float:
        with self._lock:
            said = list(self._said)
        if len(said) < FEWEST:
            return math.nan
        probabilities = np.array([probabilities for probabilities, _ in said])
        return metric(probabilities, np.array([response for _, response in said]))


def _draw(student_id: str, number: int) -> float:
    name = f"{number}\0{student_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=4).digest(), "big") / 2**32
