"""Whether a run may take another's place: the regression gate, with its reasons."""

from dataclasses import dataclass

import numpy as np

from knowtrace.domain import metrics
from knowtrace.errors import TrainingError
from knowtrace.evaluation.bootstrap import Estimate
from knowtrace.evaluation.comparison import paired_difference
from knowtrace.evaluation.scoring import Scored, score
from knowtrace.registry import Run, ailments
from knowtrace.sources import Dataset

RESAMPLES = 500


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much worse a run may be: AUC lost, NLL and ECE gained (in nats, in probability), times the state in bytes."""

    auc: float = 0.002
    nll: float = 0.005
    ece: float = 0.01
    state: float = 4.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The gate's answer: `reasons` against the run, none when it passes; figures of both; AUC gained, paired."""

    passed: bool
    reasons: tuple[str, ...]
    run: dict[str, float]
    against: dict[str, float]
    auc_gained: Estimate


def gate(
    run: Run, against: Run, dataset: Dataset, *, part: str = "test", limits: Limits | None = None
) -> Verdict:
    """Judge a run against the one that it would replace, on the same answers.

    It fails when its graphs are ill, when its AUC is surely lower (the paired 95 % interval lies below zero) or lower
    by more than the limit, or when NLL, calibration or the size of its state are worse than the limits allow.

    Raises:
        TrainingError: the two runs score different answers of the data.
    """
    limits = limits or Limits()
    new, old = score(run, dataset, part=part), score(against, dataset, part=part)
    if new.sequences.student_ids != old.sequences.student_ids:
        raise TrainingError(
            f"{run.path} and {against.path} hold out different students of {dataset.name}: they cannot be compared. "
            "Train both on the same fold, or give --split all on data that neither has seen."
        )
    here, there = _figures(new, run), _figures(old, against)
    gained = paired_difference(
        [(_paired(new), _paired(old))], rng=np.random.default_rng(0), resamples=RESAMPLES
    )
    reasons = ailments(run.steps(), run.initial_state, run.vocabulary)
    if gained.high < 0:
        reasons.append(
            f"AUC is surely lower: {here['auc']:.4f} after {there['auc']:.4f} "
            f"(paired interval {gained.low:+.4f} to {gained.high:+.4f})."
        )
    elif gained.value < -limits.auc:
        reasons.append(f"AUC falls by {-gained.value:.4f}, more than {limits.auc:g}.")
    for name in ("nll", "ece"):
        if here[name] - there[name] > getattr(limits, name):
            reasons.append(
                f"{name.upper()} rises from {there[name]:.4f} to {here[name]:.4f}, more than {getattr(limits, name):g}."
            )
    if here["state_bytes"] > limits.state * max(there["state_bytes"], 1):
        reasons.append(
            f"A student's state grows from {there['state_bytes']:,.0f} to {here['state_bytes']:,.0f} bytes, more than "
            f"{limits.state:g} times."
        )
    return Verdict(passed=not reasons, reasons=tuple(reasons), run=here, against=there, auc_gained=gained)


def _figures(found: Scored, run: Run) -> dict[str, float]:
    figures = {
        name: metrics.METRICS[name](found.probabilities, found.responses) for name in ("auc", "nll", "ece")
    }
    return figures | {"state_bytes": float(run.initial_state.nbytes)}


def _paired(found: Scored) -> dict[str, np.ndarray]:
    return {"probabilities": found.probabilities, "responses": found.responses, "owners": found.owners}
