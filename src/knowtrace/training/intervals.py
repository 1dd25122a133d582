"""How far mastery may be from the truth, measured on students who were held out of training (`docs/mastery.md`).

At many moments of each validation student's history the success on the student's next answers in one skill is
predicted, then compared with what came. The scatter beyond chance gives, for each amount of evidence n, the
precision kappa(n) of a Beta(p kappa, (1 - p) kappa) around a prediction p, by beta-binomial likelihood.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import betaincinv, betaln

from knowtrace.domain import PADDING, UNSEEN, MasteryIntervals
from knowtrace.registry import StepGraphs
from knowtrace.training.sequences import Sequences

LEVEL = 0.90
EVIDENCE_FROM = (0, 1, 2, 3, 5, 8, 12, 20, 40)
MOMENTS = (0, 1, 2, 3, 4, 6, 8, 10, 14, 18, 24, 32, 48, 64, 96, 128)
NEXT_ANSWERS = 10
FEWEST_NEXT_ANSWERS = 5
FEWEST_MOMENTS = 30
MOST_ANSWERS = 60_000
GRID = np.linspace(0, 1, 101)
LOG_PRECISION_BOUNDS = (np.log(0.5), np.log(1000.0))


@dataclass(frozen=True)
class Moment:
    """A prediction and what came: evidence n, mean predicted success p, answers m that followed, their credit."""

    evidence: int
    predicted: float
    num_answers: int
    credit: float


def measure_intervals(
    steps: StepGraphs, initial_state: NDArray[np.float32], valid: Sequences, *, num_categories: int
) -> MasteryIntervals:
    """Return 90 % intervals of mastery by evidence, from the validation students.

    With fewer than 30 moments in all nothing can be measured, and every interval is [0, 1].
    """
    moments = collect_moments(steps, initial_state, valid, num_categories=num_categories)
    precisions = fit_precisions(moments)
    low, high = np.zeros((len(EVIDENCE_FROM), len(GRID))), np.ones((len(EVIDENCE_FROM), len(GRID)))
    inside = GRID.clip(1e-3, 1 - 1e-3)
    for row, precision in enumerate(precisions):
        if precision is not None:
            low[row] = betaincinv(inside * precision, (1 - inside) * precision, (1 - LEVEL) / 2)
            high[row] = betaincinv(inside * precision, (1 - inside) * precision, (1 + LEVEL) / 2)
    return MasteryIntervals(level=LEVEL, evidence_from=np.array(EVIDENCE_FROM), grid=GRID, low=low, high=high)


def collect_moments(
    steps: StepGraphs, initial_state: NDArray[np.float32], valid: Sequences, *, num_categories: int
) -> list[Moment]:
    """Return a moment for each student, skill and amount of evidence in MOMENTS that enough answers follow."""
    credit = np.linspace(0, 1, num_categories)
    moments: list[Moment] = []
    answers = 0
    for first, last in zip(valid.starts[:-1].tolist(), valid.starts[1:].tolist(), strict=True):
        answers += last - first
        if answers > MOST_ANSWERS and moments:
            break
        items, skills = valid.items[first:last], valid.skills[first:last]
        earned = credit[valid.responses[first:last]]
        asked_at = _moments_of(skills)
        state = initial_state
        for t in range(max(asked_at, default=-1) + 1):
            for evidence, following in asked_at.get(t, ()):
                success = steps.predict(state, items[following], skills[following]) @ credit
                moments.append(
                    Moment(evidence, float(success.mean()), len(following), float(earned[following].sum()))
                )
            state = steps.observe(state, int(items[t]), skills[t].tolist(), int(valid.responses[first + t]))
    return moments


def fit_precisions(moments: list[Moment]) -> list[float | None]:
    """Return kappa for each row of EVIDENCE_FROM; a row with fewer than 30 moments takes its neighbour's."""
    rows: list[list[Moment]] = [[] for _ in EVIDENCE_FROM]
    for moment in moments:
        rows[int(np.searchsorted(EVIDENCE_FROM, moment.evidence, side="right")) - 1].append(moment)
    fitted = [_fit_precision(row) if len(row) >= FEWEST_MOMENTS else None for row in rows]
    known = [row for row, precision in enumerate(fitted) if precision is not None]
    if not known:
        return fitted
    # The nearest row with fewer answers first: less evidence never makes an interval narrower than measured.
    nearest = [max((k for k in known if k <= row), default=known[0]) for row in range(len(fitted))]
    return [fitted[row] for row in nearest]


def _moments_of(skills: NDArray[np.int64]) -> dict[int, list[tuple[int, list[int]]]]:
    """Return, for one student's skills (T, S), step -> (evidence, steps of the next answers in that skill)."""
    steps_of: dict[int, list[int]] = defaultdict(list)
    for t, row in enumerate(skills.tolist()):
        for skill in dict.fromkeys(row):
            if skill not in (PADDING, UNSEEN):
                steps_of[skill].append(t)
    asked_at: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for steps in steps_of.values():
        for evidence in MOMENTS:
            following = steps[evidence : evidence + NEXT_ANSWERS]
            if len(following) < FEWEST_NEXT_ANSWERS:
                break
            asked_at[following[0]].append((evidence, following))
    return asked_at


def _fit_precision(moments: list[Moment]) -> float:
    p = np.array([m.predicted for m in moments]).clip(1e-3, 1 - 1e-3)
    n = np.array([m.num_answers for m in moments], dtype=np.float64)
    r = np.array([m.credit for m in moments])

    def loss(log_precision: float) -> float:
        a, b = p * np.exp(log_precision), (1 - p) * np.exp(log_precision)
        return -float((betaln(r + a, n - r + b) - betaln(a, b)).sum())

    found: Any = minimize_scalar(loss, bounds=LOG_PRECISION_BOUNDS, method="bounded")
    return float(np.exp(found.x))
