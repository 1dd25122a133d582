"""How far mastery may be from the truth, measured on students held out of training (ADR-0004).

At many moments of each validation student's history the success on the student's next answers in one skill is
predicted, then compared with what came. Two answers of one student in one skill err alike as far as the
student was misjudged, and independently otherwise: the mean product of their errors is the variance of true
success around the prediction, whatever the items are. It gives, for each amount of evidence n, the precision
kappa(n) of a Beta(p kappa, (1 - p) kappa) around a prediction p. A binomial likelihood would take the spread
between items for chance, and its intervals come out too narrow.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from knowtrace.domain import PADDING, UNKNOWN_TIME, UNSEEN, MasteryIntervals
from knowtrace.registry import Steps
from knowtrace.training.sequences import Sequences

LEVEL = 0.90
EVIDENCE_FROM = (0, 1, 2, 3, 5, 8, 12, 20, 40)
MOMENTS = (0, 1, 2, 3, 4, 6, 8, 10, 14, 18, 24, 32, 48, 64, 96, 128)
NEXT_ANSWERS = 10
FEWEST_NEXT_ANSWERS = 5
FEWEST_MOMENTS = 30
FEWEST_MOMENTS_IN_ROW = 300
MOST_ANSWERS = 60_000
GRID = np.linspace(0, 1, 101)
PRECISION_BOUNDS = (0.5, 1000.0)


@dataclass(frozen=True)
class Moment:
    """A prediction and what came: evidence n, mean predicted success p, answers m that followed.

    `agreement` is the mean product of the errors (credit - prediction) of two different answers of the m.
    """

    evidence: int
    predicted: float
    num_answers: int
    agreement: float


def measure_intervals(
    steps: Steps,
    initial_state: NDArray[np.float32],
    valid: Sequences,
    *,
    num_categories: int,
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
    steps: Steps,
    initial_state: NDArray[np.float32],
    valid: Sequences,
    *,
    num_categories: int,
) -> list[Moment]:
    """Return a moment for each student, skill and number of MOMENTS that enough answers follow."""
    credit = np.linspace(0, 1, num_categories)
    # Served mastery is asked right after the last answer, where the model knows of times at all.
    right_after = 0.0 if (valid.lags >= 0).any() else UNKNOWN_TIME
    moments: list[Moment] = []
    answers = 0
    for first, last in zip(valid.starts[:-1].tolist(), valid.starts[1:].tolist(), strict=True):
        answers += last - first
        if answers > MOST_ANSWERS and moments:
            break
        items, skills = valid.items[first:last], valid.skills[first:last]
        earned = credit[valid.responses[first:last]]
        asked_at = _moments_of(skills, valid.begins[first:last])
        state = initial_state
        for t in range(max(asked_at, default=-1) + 1):
            for evidence, following in asked_at.get(t, ()):
                lag = right_after if t else UNKNOWN_TIME
                success = steps.predict(state, items[following], skills[following], lag=lag) @ credit
                moments.append(
                    Moment(
                        evidence,
                        float(success.mean()),
                        len(following),
                        agreement(earned[following] - success),
                    )
                )
            state = steps.observe(
                state,
                int(items[t]),
                skills[t].tolist(),
                int(valid.responses[first + t]),
                lag=float(valid.lags[first + t]),
                elapsed=float(valid.elapsed[first + t]),
            )
    return moments


def agreement(errors: NDArray[np.float64]) -> float:
    """Return the mean product of two different errors of a vector (m,), m at least 2."""
    return float((errors.sum() ** 2 - (errors**2).sum()) / (len(errors) * (len(errors) - 1)))


def fit_precisions(moments: list[Moment]) -> list[float | None]:
    """Return kappa for each row of EVIDENCE_FROM, never falling; None with fewer than 30 moments in all.

    A row with few moments is measured together with the rows before it.
    """
    if len(moments) < FEWEST_MOMENTS:
        return [None] * len(EVIDENCE_FROM)
    rows: list[list[Moment]] = [[] for _ in EVIDENCE_FROM]
    for moment in moments:
        rows[bisect_right(EVIDENCE_FROM, moment.evidence) - 1].append(moment)
    spans: list[_Span] = []
    for here in rows:
        span = _Span(
            rows=1,
            variance=sum(m.num_answers * m.agreement for m in here),
            chance=sum(m.num_answers * m.predicted * (1 - m.predicted) for m in here),
        )
        if spans and len(here) < FEWEST_MOMENTS_IN_ROW:
            span = spans.pop() + span
        spans.append(span)
        while len(spans) > 1 and spans[-1].precision < spans[-2].precision:
            last = spans.pop()
            spans.append(spans.pop() + last)
    return [span.precision for span in spans for _ in range(span.rows)]


@dataclass(frozen=True)
class _Span:
    """Neighbouring rows of evidence measured together: weighted sums of the variance and of p (1 - p)."""

    rows: int
    variance: float
    chance: float

    def __add__(self, other: "_Span") -> "_Span":
        return _Span(
            self.rows + other.rows,
            self.variance + other.variance,
            self.chance + other.chance,
        )

    @property
    def precision(self) -> float:
        lowest, highest = PRECISION_BOUNDS
        # The variance of a Beta(p kappa, (1 - p) kappa) is p (1 - p) / (kappa + 1).
        share = max(self.variance / self.chance, 1 / (highest + 1)) if self.chance else 1.0
        return max(1 / share - 1, lowest)


def _moments_of(
    skills: NDArray[np.int64], begins: NDArray[np.bool_]
) -> dict[int, list[tuple[int, list[int]]]]:
    """Return, for skills (T, S) of one student, step -> (evidence, steps of the next answers in a skill).

    Answers given together, begins (T,) as in `Sequences`, are all predicted from what stood before the first of them.
    """
    first_of = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0)).tolist()
    steps_of: dict[int, list[int]] = defaultdict(list)
    for t, row in enumerate(skills.tolist()):
        for skill in dict.fromkeys(row):
            if skill not in (PADDING, UNSEEN):
                steps_of[skill].append(t)
    asked_at: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for steps in steps_of.values():
        starts = {first_of[steps[number]]: None for number in MOMENTS if number < len(steps)}
        for start in starts:
            evidence = bisect_left(steps, start)
            following = steps[evidence : evidence + NEXT_ANSWERS]
            if len(following) >= FEWEST_NEXT_ANSWERS:
                asked_at[start].append((evidence, following))
    return asked_at
