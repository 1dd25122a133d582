"""Warning signs of a training that goes wrong: NaN, exploding and vanishing gradients, no progress."""

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import median

EXPLODING_FACTOR = 100.0
VANISHING_NORM = 1e-7
PATIENT_STEPS = 50
PROGRESS_EPOCHS = 3
LEAST_PROGRESS = 1e-4


@dataclass
class TrainingWatch:
    """Looks at each step's loss and gradient norm and at each epoch's loss; says each kind of trouble once."""

    recent: deque[float] = field(default_factory=lambda: deque[float](maxlen=200))
    losses: list[float] = field(default_factory=list[float])
    said: set[str] = field(default_factory=set[str])

    def step(self, number: int, loss: float, gradient_norm: float) -> list[str]:
        """Return new warnings after one step; gradient norm before clipping."""
        if not math.isfinite(loss) or not math.isfinite(gradient_norm):
            return self._once(
                "nan",
                f"step {number}: loss {loss}, gradient norm {gradient_norm}: the step was skipped. "
                "Lower the learning rate if this goes on.",
            )
        warnings: list[str] = []
        if len(self.recent) >= PATIENT_STEPS:
            usual = median(self.recent)
            if gradient_norm > EXPLODING_FACTOR * usual > 0:
                warnings += self._once(
                    "exploding",
                    f"step {number}: exploding gradient, norm {gradient_norm:.3g} is over {EXPLODING_FACTOR:.0f} times "
                    f"the usual {usual:.3g}. It was clipped; lower the learning rate if this goes on.",
                )
            if usual < VANISHING_NORM:
                warnings += self._once(
                    "vanishing",
                    f"step {number}: vanishing gradient, usual norm {usual:.3g}. The model has stopped learning.",
                )
        self.recent.append(gradient_norm)
        return warnings

    def epoch(self, number: int, loss: float) -> list[str]:
        """Return new warnings after one epoch, given its mean training loss."""
        self.losses.append(loss)
        if len(self.losses) > PROGRESS_EPOCHS:
            before, now = self.losses[-1 - PROGRESS_EPOCHS], self.losses[-1]
            if before - now < LEAST_PROGRESS:
                return self._once(
                    "progress",
                    f"epoch {number}: no progress, training loss {before:.4f} to {now:.4f} "
                    f"in {PROGRESS_EPOCHS} epochs.",
                )
        return []

    def _once(self, kind: str, text: str) -> list[str]:
        if kind in self.said:
            return []
        self.said.add(kind)
        return [text]
